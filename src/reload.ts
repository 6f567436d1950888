import type { Config } from './config/config.ts';
import { loadProcessConfig } from './config/environment.ts';
import { ConfigError } from './config/problem.ts';
import { watchFiles } from './config/watch.ts';
import { systemClock } from './core/clock.ts';
import { reloading } from './snapshots.ts';
import type { Running } from './start.ts';
import type { Log } from './telemetry/log.ts';

/** The configuration of this process, and the files that it was last made from, or could not be made from. */
export class ConfigSource {
  #files: readonly string[] = [];

  get files(): readonly string[] {
    return this.#files;
  }

  /** Errors: ConfigError. */
  read(): Config {
    const files = new Set<string>();
    try {
      return loadProcessConfig((path) => files.add(path));
    } finally {
      this.#files = [...files];
    }
  }
}

/**
 * Reads the configuration again on SIGHUP, and when one of its files has changed. One that cannot be used is told of, and
 * the last good one stays.
 */
export function reloadOnChange(running: Running, source: ConfigSource, log: Log): { close(): void } {
  const reload = reloading({
    load: () => source.read(),
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
  process.on('SIGHUP', () => void reload());
  return watchFiles({ paths: () => source.files, clock: systemClock, changed: () => void reload() });
}
