import type { Config } from './config.ts';
import { loadConfig } from './load.ts';
import { readAtMost } from './read-file.ts';

/**
 * The configuration of this process, from its environment and its files. `reading` is told the path of every file before
 * it is read, so that those of a configuration that cannot be used are known, too. Errors: ConfigError.
 */
export const loadProcessConfig = (reading: (path: string) => void = () => undefined): Config =>
  loadConfig(process.env, (path, ...rest) => {
    reading(path);
    return readAtMost(path, ...rest);
  });
