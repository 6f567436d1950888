import type { Config } from './config/config.ts';
import { loadProcessConfig } from './config/environment.ts';
import { ConfigError } from './config/problem.ts';
import type { RuntimeSettings } from './config/runtime-settings.ts';
import { WatchedFiles, watchFiles } from './config/watch.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { reloading } from './snapshots.ts';
import type { Running } from './start.ts';
import type { Log } from './telemetry/log.ts';

/** The configuration of this process, and the files that it was last made from, or could not be made from. */
export class ConfigSource {
  /** How the files were when they were last read. */
  readonly watched = new WatchedFiles();
  #files: readonly string[] = [];
  #last: Config | undefined;

  get files(): readonly string[] {
    return this.#files;
  }

  /** Errors: ConfigError. */
  read(settings?: RuntimeSettings): Config {
    const files = new Set<string>();
    const reading = (path: string) => {
      files.add(path);
      this.watched.reading(path);
    };
    try {
      // The first time, the file may be a pipe. Later, opening one could wait for ever.
      const config = loadProcessConfig(reading, this.#last && 'regular', settings);
      checkSuccessor(config, this.#last);
      this.#last = config;
      return config;
    } finally {
      this.#files = [...files];
    }
  }

  /** The same, to see whether it could be used: a change of the files is still to be told of. Errors: ConfigError. */
  check(settings?: RuntimeSettings): Config {
    const config = loadProcessConfig(undefined, this.#last && 'regular', settings);
    checkSuccessor(config, this.#last);
    return config;
  }
}

/** A file of which nothing is left yet, or any more, is a valid one: a start would have the mock answer. */
function checkSuccessor({ enabled, mockStandsIn }: Config, before: Config | undefined): void {
  if (!before || before.mockStandsIn || !mockStandsIn || !enabled) return;
  const problem = 'has none that is on, so that the mock would answer from now on';
  const fix = 'See that the file is whole. Where the mock is wanted, set mock.use to true, or list it.';
  throw new ConfigError([{ path: 'providers', problem, fix }]);
}

/** Reloads while the gateway runs. */
export interface Reloads {
  /** Has the configuration read again. */
  ask(): void;
  /** From now on the files are not looked at any more. */
  close(): void;
}

/**
 * Reads the configuration again when it is asked to, and when one of its files has changed. One that cannot be used is
 * told of, and the last good one stays.
 */
export function reloads(
  running: Pick<Running, 'read' | 'reload' | 'reloadRefused'>,
  source: Pick<ConfigSource, 'files' | 'read' | 'watched'>,
  log: Pick<Log, 'info' | 'warn' | 'error'>,
  clock: Pick<Clock, 'after'> = systemClock,
): Reloads {
  const reload = reloading({
    load: () => running.read?.() ?? source.read(),
    apply(config) {
      const fixed = running.reload(config);
      if (fixed.length > 0) log.warn({ parts: fixed }, 'these parts of the configuration take effect after a restart');
    },
    reloaded(config) {
      for (const notice of config.notices) log.info({ notice }, 'notice');
      log.info({ providers: config.providers.map(({ name }) => name) }, 'configuration reloaded');
    },
    refused(error) {
      running.reloadRefused();
      const problems = error instanceof ConfigError ? error.problems : undefined;
      log.error({ problems, error }, 'configuration not reloaded: the last good one stays');
    },
  });
  const ask = () => void reload();
  const { close } = watchFiles({ files: source.watched, paths: () => source.files, clock, changed: ask });
  return { ask, close };
}
