import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError, type Problem } from '../../src/config/problem.ts';

export type Env = Readonly<Record<string, string>>;

/** Loads as a start-up would, with `file` as what ANTIPHON_CONFIG names. */
export function load(env: Env, file?: string): Config {
  if (file === undefined) return loadConfig(env, () => unexpected());
  return loadConfig({ ANTIPHON_CONFIG: 'antiphon.yaml', ...env }, () => new TextEncoder().encode(file));
}

const unexpected = (): never => {
  throw new Error('no file was named');
};

/** The problems of a configuration that must have some. */
export function problemsOf(env: Env, file?: string): readonly Problem[] {
  try {
    load(env, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration has no problem');
}

/** The problems as "path problem", for tables. */
export const said = (env: Env, file?: string): readonly string[] =>
  problemsOf(env, file).map(({ path, problem }) => `${path} ${problem}`);

/** A provider that makes a configuration whole without the mock. */
export const KEY = { OPENAI_API_KEY: 'sk-test-0123456789' };
