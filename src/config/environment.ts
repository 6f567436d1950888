import type { Config } from './config.ts';
import { loadConfig } from './load.ts';
import { readAtMost } from './read-file.ts';
import type { RuntimeSettings } from './runtime-settings.ts';

/**
 * The configuration of this process, from its environment and its files. `reading` is told the path of every file before
 * it is read, so that those of a configuration that cannot be used are known, too. With `only`, no file is read that is
 * no regular one: what comes out of a pipe comes once. Errors: ConfigError.
 */
export const loadProcessConfig = (
  reading: (path: string) => void = () => undefined,
  only?: 'regular',
  settings?: RuntimeSettings,
): Config =>
  loadConfig(
    process.env,
    (path, maxBytes, wanted) => {
      reading(path);
      return readAtMost(path, maxBytes, wanted ?? only);
    },
    settings,
  );
