import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/problem.ts';
import type { RuntimeSettings } from '../config/runtime-settings.ts';
import { GatewayError } from '../core/errors.ts';
import type { StoredDocument } from '../stores/document.ts';
import { storeUnavailable } from '../stores/unavailable.ts';
import { configurationRefused, settingsRefused } from './refusal.ts';
import type { StoredSettings } from './stored-settings.ts';

/** Where the configuration is read from. Errors, of both: ConfigError. */
export interface SettingsSource {
  /** Reads it to put it into effect. */
  read(settings: RuntimeSettings | undefined): Config;
  /** Reads it to see whether it could be. */
  check(settings: RuntimeSettings | undefined): Config;
}

export interface SettingsLog {
  info(fields: Readonly<Record<string, unknown>>, msg: string): void;
  warn(fields: Readonly<Record<string, unknown>>, msg: string): void;
  error(fields: Readonly<Record<string, unknown>>, msg: string): void;
}

export interface LiveSettingsParts {
  readonly document: StoredDocument<StoredSettings>;
  /** Undefined: the configuration cannot be read again, and so not be changed. */
  readonly source: SettingsSource | undefined;
  readonly inEffect: () => Config;
  /** Errors: ConfigError: it cannot be put into effect, for what is there now. */
  readonly check: (config: Config) => void;
  /** Puts it into effect, and gives the parts that need a restart. Errors: those of `check`, and defects. */
  readonly apply: (config: Config) => readonly string[];
  /** Counts a configuration that could not be used. */
  readonly rejected: () => void;
  readonly log: SettingsLog;
}

export interface SettingsChange {
  readonly settings: StoredSettings;
  /** The revision that they are made from. */
  readonly revision: number;
  /** Checks them, and changes nothing. */
  readonly validateOnly: boolean;
}

/** What is in effect, and what the store has. */
export interface SettingsState {
  readonly changed: StoredSettings;
  readonly revision: number;
  readonly allowedModels: readonly string[];
  readonly quotas: Readonly<Record<string, unknown>>;
  readonly routing: Readonly<Record<string, unknown>>;
}

const NOT_APPLIED = 'settings of the store not in effect: the last good ones stay';

/**
 * The part of the configuration that is changed while the gateway runs. What the store has is laid over the file and the
 * environment, checked with all of it, and put into effect as a reload does; replicas follow within seconds. If it does
 * not fit, for example since the file has changed, what was last good stays, and it is tried again with every reload.
 */
export class LiveSettings {
  readonly #parts: LiveSettingsParts;
  /** The revision that was tried last, and did not fit. */
  #misfit: number | undefined;

  constructor(parts: LiveSettingsParts) {
    this.#parts = parts;
  }

  /** Reads what the store has, and puts it into effect. Never rejects: without it the file counts until the store is there. */
  async begin(): Promise<void> {
    const { document, log } = this.#parts;
    try {
      await document.refresh();
    } catch (error) {
      log.warn({ error }, 'settings of the store not read: the file counts until it is there');
    }
    this.#follow();
    document.watch(() => this.#follow());
  }

  close(): void {
    this.#parts.document.close();
  }

  now(): SettingsState {
    const { document, inEffect } = this.#parts;
    const { settings, allowedModels } = inEffect();
    const { revision, content: changed } = document.current;
    return { changed, revision, allowedModels, quotas: settings.quotas, routing: settings.routing };
  }

  /** The configuration for a reload: with what the store has or, if that does not fit, with what was last good. Errors: ConfigError. */
  read(): Config {
    const source = this.#source();
    const latest = this.#latest();
    const good = this.#parts.inEffect().settings.changed;
    if (latest?.revision === good?.revision) return source.read(good);
    try {
      return source.read(latest);
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      const config = source.read(good);
      this.#tellMisfit(thrown);
      return config;
    }
  }

  /** Reads the configuration again, as SIGHUP does, and gives the parts that need a restart. Errors: GatewayError. */
  reload(): readonly string[] {
    const { apply, rejected, log } = this.#parts;
    try {
      const config = this.read();
      const fixed = apply(config);
      if (fixed.length > 0) log.warn({ parts: fixed }, 'these parts of the configuration take effect after a restart');
      for (const notice of config.notices) log.info({ notice }, 'notice');
      log.info({ providers: config.providers.map(({ name }) => name) }, 'configuration reloaded');
      return fixed;
    } catch (thrown) {
      rejected();
      const problems = thrown instanceof ConfigError ? thrown.problems : undefined;
      log.error({ problems, error: thrown }, 'configuration not reloaded: the last good one stays');
      throw configurationRefused(thrown);
    }
  }

  /** Changes the settings, here and then everywhere. Errors: GatewayError; then nothing is in effect that was not. */
  async update(change: SettingsChange): Promise<SettingsState> {
    const { document } = this.#parts;
    try {
      await document.refresh();
      this.#follow();
      if (document.current.revision !== change.revision) throw conflict();
      this.#check({ ...change.settings, revision: change.revision + 1 });
      if (change.validateOnly) return this.now();
      await document.change(({ revision }) => {
        if (revision !== change.revision) throw conflict();
        return change.settings;
      });
    } catch (thrown) {
      throw storeUnavailable(settingsRefused(thrown));
    }
    if (!this.#follow()) throw notApplied();
    return this.now();
  }

  #check(settings: RuntimeSettings): void {
    this.#parts.check(this.#source().check(settings));
  }

  /** Puts into effect what the store has, if it is not. False: it does not fit. */
  #follow(): boolean {
    const { source, inEffect, apply, log } = this.#parts;
    const latest = this.#latest();
    if (!source || latest?.revision === inEffect().settings.changed?.revision) return true;
    if (latest?.revision === this.#misfit) return false;
    try {
      const config = source.read(latest);
      apply(config);
      for (const notice of config.notices) log.info({ notice }, 'notice');
      log.info({ revision: latest?.revision }, 'settings of the store in effect');
      return true;
    } catch (thrown) {
      this.#tellMisfit(thrown);
      return false;
    }
  }

  #tellMisfit(thrown: unknown): void {
    const revision = this.#latest()?.revision;
    if (revision === this.#misfit) return;
    this.#misfit = revision;
    this.#parts.rejected();
    const problems = thrown instanceof ConfigError ? thrown.problems : undefined;
    this.#parts.log.error({ revision, problems, error: thrown }, NOT_APPLIED);
  }

  /** Undefined: nothing was ever changed. */
  #latest(): RuntimeSettings | undefined {
    const { revision, content } = this.#parts.document.current;
    return revision === 0 ? undefined : { ...content, revision };
  }

  #source(): SettingsSource {
    const { source } = this.#parts;
    if (source) return source;
    throw new GatewayError('failed_precondition', 'The configuration of this gateway is fixed from its start on.');
  }
}

const conflict = () =>
  new GatewayError(
    'conflict',
    'The settings were changed meanwhile, or the revision is not theirs. Read them again by GetSettings, and send its revision.',
  );

const notApplied = () =>
  new GatewayError(
    'failed_precondition',
    'The settings are kept, and not in effect here: the configuration file has changed meanwhile and does not fit them. Mend the file, or change the settings.',
  );
