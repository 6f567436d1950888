// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { type Env, KEY, load, problemsOf, said } from './loading.ts';

const two = (models: string) => `
providers:
  a: { base_url: "https://a.example", models: [x, y, z, u, only-a] }
  b: { base_url: "https://b.example", models: [x, y, z, u] }
models: ${models}
`;
const three = `
providers:
  a: { base_url: "https://a.example", models: [x, y] }
  b: { base_url: "https://b.example", models: [x, y] }
  c: { base_url: "https://c.example", models: [x] }
`;

describe('an id that several providers have', () => {
  it('is a problem, one for each group of providers, with a few ids and with what to do', () => {
    expect(problemsOf({}, two('{}'))).toEqual([
      {
        path: 'models.provider_order',
        problem: 'does not say which of a and b goes first, and each of them has x, y, z and 1 more',
        fix: 'List them there, or in LLM_PROVIDER_ORDER, best first; or write "provider/id" in models.allowed.',
      },
    ]);
    expect(said({}, three)).toEqual([
      'models.provider_order does not say which of a, b and c goes first, and each of them has x',
      'models.provider_order does not say which of a and b goes first, and each of them has y',
    ]);
  });

  it.each<[string, Env, string]>([
    ['the order', {}, two('{ provider_order: [b, a] }')],
    ['all but one of them in the order', {}, two('{ provider_order: [b] }')],
    ['the order of a variable', { LLM_PROVIDER_ORDER: 'b' }, two('{}')],
    ['the default provider', {}, two('{ default_provider: a }')],
    ['the default provider of a variable', { LLM_PROVIDER: 'b' }, two('{}')],
    ['what is allowed', {}, two('{ allowed: [a/*, b/other] }')],
    ['the mock, which plays all', { USE_MOCK_LLM: 'true' }, two('{}')],
    ['models that are switched off', { LLM_ENABLED: 'false' }, two('{}')],
  ])('is settled by %s', (_, env, file) => {
    expect(load(env, file).providers.map(({ name }) => name)).toContain('a');
  });

  it.each([
    ['an order that names others', two('{ provider_order: [openai] }'), 1],
    ['an order that names one of three', `${three}models: { provider_order: [c] }`, 1],
    ['an order that names two of three', `${three}models: { provider_order: [c, a] }`, 0],
    ['patterns that allow it everywhere', two('{ allowed: ["*"] }'), 1],
    ['patterns that allow it at both', two('{ allowed: [a/x, b/x] }'), 1],
  ])('with %s: %#', (_, file, count) => {
    const problems =
      count === 0 ? load({}, file).notices.filter((notice) => notice.includes('goes first')) : said({}, file);
    expect(problems).toHaveLength(count);
  });

  it('counts among them what is allowed by its full name, or is the default', () => {
    const file = 'providers: { a: { base_url: "https://a.example" }, b: { base_url: "https://b.example" } }\n';
    const allowed = { ALLOWED_MODELS: 'a/x,b/x' };
    expect(said(allowed, file)).toHaveLength(1);
    expect(said({ ALLOWED_MODELS: 'a/x,b/*', LLM_DEFAULT_MODEL: 'b/x' }, file)).toHaveLength(1);
    expect(load({ ...allowed, LLM_PROVIDER_ORDER: 'b,a' }, file).routing.providerOrder).toEqual(['b', 'a']);
  });

  it('may be named only with its provider if it begins like one', () => {
    const file = `
providers:
  r1: { base_url: "https://a.example", models: [openai/gpt-6-luna] }
  r2: { base_url: "https://b.example", models: [openai/gpt-6-luna] }
`;
    expect(load(KEY, file).providers).toHaveLength(3);
    expect(said({}, file)).toHaveLength(1);
  });

  it('is one of the catalogue where two providers are of one kind', () => {
    const file =
      'providers: { openai: {}, eu: { kind: openai, api_key: "${K}", base_url: "https://eu.example/v1" } }\n';
    expect(said({ ...KEY, K: 'k' }, file)).toEqual([
      'models.provider_order does not say which of openai and eu goes first, and each of them has gpt-6-luna, gpt-6.1-sol and gpt-6.1-terra',
    ]);
    expect(load({ ...KEY, K: 'k', LLM_PROVIDER: 'eu' }, file).routing.providerOrder).toEqual(['eu']);
  });
});

describe('the order of providers', () => {
  const file = (models: string) => two(models);

  it.each([
    ['{ default_provider: a }', ['a']],
    ['{ default_provider: a, provider_order: [b] }', ['a', 'b']],
    ['{ default_provider: a, provider_order: [b, a] }', ['b', 'a']],
    ['{ provider_order: [openai, b, groq] }', ['b']],
  ])('%s is %j', (models, expected) => {
    expect(load({}, file(models)).routing.providerOrder).toEqual(expected);
  });

  it('decides where the default model is', () => {
    expect(load({}, file('{ provider_order: [b, a], default: x }')).defaultModel).toBe('b/x');
    expect(load({}, file('{ provider_order: [a, b], default: x }')).defaultModel).toBe('a/x');
    expect(load({}, file('{ provider_order: [b, a], default: unheard-of }')).defaultModel).toBe('a/unheard-of');
  });

  it.each([
    ['[a, opnai]', 'models.provider_order[1]', 'is not the name of a provider', 'Did you mean "openai"?'],
    ['[a, elsewhere]', 'models.provider_order[1]', 'is not the name of a provider', 'Remove it.'],
    ['[a, b, a]', 'models.provider_order[2]', 'is there twice', 'Remove one.'],
    ['[A]', 'models.provider_order[0]', 'is not a possible name of a provider', ''],
  ])('%s: %s %s', (order, path, problem, fix) => {
    expect(problemsOf({}, file(`{ provider_order: ${order} }`))[0]).toMatchObject({
      path,
      problem,
      fix: expect.stringContaining(fix),
    });
  });
});
