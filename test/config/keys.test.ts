// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { keyVariables, variablesOfKinds } from '../../src/config/kinds.ts';
import { type Env, load, problemsOf, said } from './loading.ts';

const keysOf = (provider: string, env: Env, file?: string) =>
  load({ ALLOWED_MODELS: '*', ...env }, file)
    .providers.find(({ name }) => name === provider)
    ?.keys.map(({ name, value, weight }) => [name, value, weight]);

describe('the keys of a provider', () => {
  it.each<[string, Env, string | undefined, unknown]>([
    ['one variable', { OPENAI_API_KEY: 'k1' }, undefined, [['OPENAI_API_KEY', 'k1', 1]]],
    [
      'several, with gaps between their numbers',
      { OPENAI_API_KEY: 'k1', OPENAI_API_KEY_9: 'k9', OPENAI_API_KEY_3: 'k3', OPENAI_API_KEY_10: 'k10' },
      undefined,
      [
        ['OPENAI_API_KEY', 'k1', 1],
        ['OPENAI_API_KEY_3', 'k3', 1],
        ['OPENAI_API_KEY_9', 'k9', 1],
      ],
    ],
    ['only a numbered one', { OPENAI_API_KEY_2: 'k2' }, undefined, [['OPENAI_API_KEY_2', 'k2', 1]]],
    [
      'a list of the file, with names and weights',
      { A: 'ka', B: 'kb' },
      'providers: { openai: { api_keys: [{ name: spare, key: "${A}" }, { key: "${B}", weight: 7 }] } }',
      [
        ['spare', 'ka', 1],
        ['B', 'kb', 7],
      ],
    ],
    [
      'the file and variables: each of them once, as the file has it',
      { OPENAI_API_KEY: 'k1', OPENAI_API_KEY_2: 'k2', OPENAI_API_KEY_3: 'k3', A: 'ka' },
      'providers: { openai: { api_keys: [{ key: "${OPENAI_API_KEY_2}", weight: 3 }, { key: "${A}" }] } }',
      [
        ['OPENAI_API_KEY', 'k1', 1],
        ['OPENAI_API_KEY_2', 'k2', 3],
        ['A', 'ka', 1],
        ['OPENAI_API_KEY_3', 'k3', 1],
      ],
    ],
    [
      'the first variable in the list of the file',
      { OPENAI_API_KEY: 'k1' },
      'providers: { openai: { api_keys: [{ key: "${OPENAI_API_KEY}", weight: 3 }] } }',
      [['OPENAI_API_KEY', 'k1', 3]],
    ],
    [
      'a numbered variable as the api_key of the file',
      { OPENAI_API_KEY_2: 'k2' },
      'providers: { openai: { api_key: "${OPENAI_API_KEY_2}" } }',
      [['OPENAI_API_KEY_2', 'k2', 1]],
    ],
    [
      'the same, where another variable takes its place',
      { OPENAI_API_KEY: 'k1', OPENAI_API_KEY_2: 'k2' },
      'providers: { openai: { api_key: "${OPENAI_API_KEY_2}" } }',
      [
        ['OPENAI_API_KEY', 'k1', 1],
        ['OPENAI_API_KEY_2', 'k2', 1],
      ],
    ],
    [
      'references that may be missing, and are',
      { A: 'ka' },
      'providers: { openai: { api_key: "${NO:-}", api_keys: [{ key: "${NO:-}" }, { key: "${A:-}" }] } }',
      [['A', 'ka', 1]],
    ],
    ['that of LLM_API_KEY', { LLM_PROVIDER: 'openai', LLM_API_KEY: 'k' }, undefined, [['LLM_API_KEY', 'k', 1]]],
    [
      'a weight from a variable',
      { A: 'ka', W: '5' },
      'providers: { openai: { api_keys: [{ key: "${A}", weight: "${W}" }] } }',
      [['A', 'ka', 5]],
    ],
  ])('%s', (_, env, file, expected) => {
    expect(keysOf('openai', env, file)).toEqual(expected);
  });

  it('are on without a key where the kind needs none', () => {
    expect(keysOf('ollama', {}, 'providers: { ollama: }')).toEqual([]);
  });

  const list = (items: string) => `providers: { openai: { api_keys: ${items} } }`;

  it.each<[string, Env, string | undefined, string]>([
    [
      'one value in two variables',
      { OPENAI_API_KEY: 'k1', OPENAI_API_KEY_2: 'k1' },
      undefined,
      'OPENAI_API_KEY_2 is the same key as OPENAI_API_KEY',
    ],
    [
      'one value twice in the file',
      { A: 'k', B: 'k' },
      list('[{ key: "${A}" }, { key: "${B}" }]'),
      'providers.openai.api_keys[1].key is the same key as A',
    ],
    [
      'one name for two keys',
      { A: 'ka', B: 'kb' },
      list('[{ name: x, key: "${A}" }, { name: x, key: "${B}" }]'),
      'providers.openai.api_keys[1].name is the name of another key',
    ],
    ['a literal', {}, list('[{ key: sk-literal }]'), 'providers.openai.api_keys[0].key is written into the file'],
    [
      'a default',
      {},
      list('[{ key: "${A:-sk-literal}" }]'),
      'providers.openai.api_keys[0].key is written into the file',
    ],
    ['no key', {}, list('[{ weight: 2 }]'), 'providers.openai.api_keys[0].key is missing'],
    ['no list', { OPENAI_API_KEY: 'k' }, list('5'), 'providers.openai.api_keys is not a list'],
    [
      'a weight of nothing',
      { A: 'k' },
      list('[{ key: "${A}", weight: 0 }]'),
      'providers.openai.api_keys[0].weight is too small',
    ],
    [
      'a name like a key',
      { A: 'k' },
      list(`[{ key: "\${A}", name: ${'x'.repeat(40)} }]`),
      'providers.openai.api_keys[0].name is not a possible name of a key',
    ],
    [
      'a key that is none',
      { OPENAI_API_KEY: 'k', OPENAI_API_KEY_4: 'a b' },
      undefined,
      'OPENAI_API_KEY_4 has characters that no key has, such as spaces, quotes or line breaks within it',
    ],
  ])('have a problem: %s', (_, env, file, expected) => {
    expect(said({ ALLOWED_MODELS: '*', ...env }, file)[0]).toBe(expected);
  });

  it('may be the same at two providers', () => {
    expect(keysOf('xai', { GROQ_API_KEY: 'k', XAI_API_KEY: 'k' })).toEqual([['XAI_API_KEY', 'k', 1]]);
  });
});

describe('a number that no key has', () => {
  it.each([
    [
      'OPENAI_API_KEY_10',
      'OPENAI_API_KEY_10 is set and not used: further keys are OPENAI_API_KEY_2 to OPENAI_API_KEY_9.',
    ],
    [
      'GEMINI_API_KEY_1',
      'GEMINI_API_KEY_1 is set and not used: further keys are GEMINI_API_KEY_2 to GEMINI_API_KEY_9.',
    ],
    ['LLM_API_KEY_2', 'LLM_API_KEY_2 is set and not used: list further keys in the file, as api_keys.'],
  ])('%s is told', (name, notice) => {
    expect(load({ OPENAI_API_KEY: 'k1', [name]: 'k2' }).notices).toContain(notice);
  });

  it.each(['OPENAI_API_KEY_2', 'OTHER_API_KEY_10', 'OPENAI_API_KEY_X'])('%s is not', (name) => {
    expect(load({ OPENAI_API_KEY: 'k1', [name]: 'k2' }).notices.join()).not.toContain(name);
  });
});

describe('a key that is not there', () => {
  it.each([
    ['api_key: "${GONE}"', 'Set GONE, or write ${GONE:-} if it may be missing.'],
    ['api_keys: [{ key: "${GONE}" }]', 'Set GONE, or write ${GONE:-} if it may be missing.'],
    ['headers: { x-api-key: "${GONE}" }', 'Set GONE, or write ${GONE:-} if it may be missing.'],
    ['base_url: "${GONE}"', 'Set GONE, or write ${GONE:-default}.'],
  ])('%s: a default is proposed only where it may stand in the file', (field, fix) => {
    expect(problemsOf({}, `providers: { openai: { ${field} } }`)[0]).toMatchObject({ fix });
  });
});

describe('several names for one key', () => {
  const kinds = variablesOfKinds.filter(({ keys }) => keys.length > 1);

  it.each(kinds)('of $kind: the first that is set counts', (ofKind) => {
    const [names = [], seconds = []] = keyVariables(ofKind);
    const [first = '', second = ''] = names;
    const others: Env = {
      ...(ofKind.folderId === undefined ? {} : { [ofKind.folderId]: 'b1g00000000000000000' }),
      [seconds[1] ?? '']: 'k2',
    };
    const values = (env: Env) => keysOf(ofKind.kind, { ...others, ...env })?.map(([name]) => name);
    expect(values({ [second]: 'k' })).toEqual([second, seconds[1]]);
    expect(values({ [first]: 'k', [second]: 'k3' })).toEqual([first, seconds[1]]);
    const { notices } = load({ ALLOWED_MODELS: '*', ...others, [first]: 'k', [second]: 'k3' });
    expect(notices).toContain(`${second} is set and not used: ${first} is.`);
    expect(load({ ALLOWED_MODELS: '*', ...others, [first]: 'k', [second]: 'k' }).notices.join()).not.toContain(second);
  });
});
