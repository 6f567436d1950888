import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/problem.ts';
import { says } from './answers.ts';
import { from, setStage } from './stage.ts';

type File = Readonly<Record<'models', object>>;

const scripts = { a: says('A'), b: says('B'), c: says('C') };
const providers = { a: { models: ['one'] }, b: { models: ['one', 'two'] }, c: { models: ['one', 'three'] } };

const problemsOf = async (file: File) => {
  try {
    await setStage(scripts, { file, providers });
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
  return [];
};

describe('an id that several providers have', () => {
  it.each<[File, readonly string[]]>([
    [{ models: { provider_order: [] } }, ['a, b and c']],
    [{ models: { provider_order: ['b'] } }, ['a and c']],
    [{ models: { provider_order: [], allowed: ['a/one', 'b/*'] } }, ['a and b']],
  ])('must not be left to chance: %j', async (file, groups) => {
    const problems = await problemsOf(file);
    expect(problems.map(({ problem }) => problem)).toEqual(
      groups.map((group) => `does not say which of ${group} goes first, and each of them has one`),
    );
  });

  it.each<[File, string]>([
    [{ models: { provider_order: ['b', 'a'] } }, 'b/one'],
    [{ models: { provider_order: ['c', 'b', 'a'] } }, 'c/one'],
    [{ models: { provider_order: ['b', 'a'], default_provider: 'c' } }, 'c/one'],
    [{ models: { provider_order: [], allowed: ['c/one', 'b/two'] } }, 'c/one'],
  ])('goes where %j says', async (file, target) => {
    const stage = await setStage(scripts, { file, providers });
    expect(from(await stage.ask({ model: 'one' }))).toBe(target);
    expect(stage.asked).toEqual([target]);
  });
});

it('is found also by the name of a version', async () => {
  const id = 'gpt-4.1-2025-04-14';
  const file = { models: { provider_order: [], allowed: ['*'] } };
  const env = { OPENAI_API_KEY: 'sk-test-key' };
  const start = setStage({ openai: says('O'), own: says('M') }, { file, env, providers: { own: { models: [id] } } });
  await expect(start).rejects.toThrow(`openai and own goes first, and each of them has ${id}`);
});
