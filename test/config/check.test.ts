import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { check, checkAgainst } from '../../src/config/check.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { fileSchema } from '../../src/config/schema.ts';
import type { Branch } from '../../src/config/tree.ts';

const never = () => false;
const pathsOf = ({ problems }: { problems: readonly { path: string; problem: string }[] }) =>
  problems.map(({ path, problem }) => `${path} ${problem}`);

/** Names that the file knows, those of lists and mappings among them, and some that it does not. */
const NAMES = [
  ...['server', 'providers', 'models', 'catalogue', 'openai', 'openai/gpt-6-luna', 'price', 'tiers', 'api_keys', 'key'],
  ...[
    'input_usd_per_million',
    'output_usd_per_million',
    'above_input_tokens',
    'headers',
    'compat',
    'allowed',
    'weight',
  ],
  ...['routing', 'routes', 'rules', 'fast', 'targets', 'model', 'escalate', 'to', 'name', 'match', 'labels'],
  ...['retry', 'max_retries', 'fallback', 'answers', 'always', 'enabled'],
  ...[
    'access',
    'teams',
    'keys',
    'quotas',
    'requests_per_minute',
    'cache',
    'ttl_ms',
    'store',
    'kind',
    'audit',
    'alerts',
  ],
  ...['grpc_port', 'reflection', 'lifecycle', 'unknown', '0', '', 'toString'],
];

const trees: fc.Arbitrary<Branch> = fc.letrec<{ value: unknown; tree: Branch }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(null, true, 0, -1, 1.5, 'true', '7', 'active', 'text'),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('tree'),
  ),
  tree: fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 5 }),
})).tree;

describe('check', () => {
  it('ends, whatever the file holds, with a configuration that the schema takes', () => {
    const property = fc.property(trees, fc.boolean(), (tree, isText) => {
      const { config, problems } = check(tree, () => isText);
      expect(fileSchema.safeParse(config).success).toBe(true);
      if (!isText) expect(problems.length === 0).toBe(fileSchema.safeParse(tree).success);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('takes a route without its models as the schema does: what is missing is told where routes are made', () => {
    const { config, problems } = check({ routing: { routes: { a: {} } } }, never);
    expect(problems).toEqual([]);
    expect(fileSchema.parse(config)).toEqual(config);
  });

  it('is part of a start that ends, whatever the file holds: with a configuration, or with problems', () => {
    const property = fc.property(trees, (tree) => {
      const file = () => Buffer.from(JSON.stringify(tree));
      const env = { ANTIPHON_CONFIG: 'test.yaml', OPENAI_API_KEY: 'sk-test-key', OPENAI_API_KEY_2: 'sk-test-other' };
      try {
        expect(loadConfig(env, file).providers.length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('leaves out what lacks something that cannot be done without', () => {
    const price = z.strictObject({ input: z.number(), output: z.number() });
    const schema = z.strictObject({ name: z.string().default('a'), price: price.optional() });
    const checked = checkAgainst(schema, { name: 'b', price: { input: 1 } }, never);
    expect(checked.config).toEqual({ name: 'b' });
    expect(pathsOf(checked)).toEqual(['price.output is missing']);
  });

  it('does not ask again and again for what no file could give', () => {
    const schema = z.strictObject({ name: z.string() });
    expect(() => checkAgainst(schema, { other: 1 }, never)).toThrow();
  });

  it('says what is missing in an entry of a list', () => {
    const prices = { input_usd_per_million: 1, output_usd_per_million: 2, tiers: [{ above_input_tokens: 5 }] };
    const tree = { catalogue: { models: { 'openai/x': { price: prices } } } };
    const at = 'catalogue.models."openai/x".price.tiers[0]';
    expect(pathsOf(check(tree, never))).toEqual([
      `${at}.input_usd_per_million is missing`,
      `${at}.output_usd_per_million is missing`,
    ]);
  });

  it.each<[Branch, string]>([
    [{ tiers: { fast: 5 } }, 'routing.tiers.fast is not text, a list or a mapping'],
    [{ tiers: { fast: 'a b' } }, 'routing.tiers.fast is not a possible name of a route'],
    [{ tiers: { fast: ['a b'] } }, 'routing.tiers.fast[0] is not a model id'],
    [{ tiers: { fast: [] } }, 'routing.tiers.fast is empty'],
    [{ tiers: { fast: { targets: [{ weight: 1 }] } } }, 'routing.tiers.fast.targets[0].model is missing'],
    [{ tiers: { fast: { sticki: true, targets: ['a'] } } }, 'routing.tiers.fast.sticki is not a known setting'],
    [{ routes: { a: { targets: [null] } } }, 'routing.routes.a.targets[0] is not text or a mapping'],
    [{ routes: { a: { targets: [{ model: 'a', weight: -1 }] } } }, 'routing.routes.a.targets[0].weight is too small'],
    [{ rules: [{ name: 'a', escalate: { on: ['empty'] } }] }, 'routing.rules[0].escalate.to is missing'],
  ])('judges a value that may be several things by what it is: %j', (routing, expected) => {
    expect(pathsOf(check({ routing }, never))).toEqual([expected]);
  });

  it('says how to write what may be several things', () => {
    const fixOf = (tree: Branch) => check(tree, never).problems[0]?.fix;
    expect(fixOf({ routing: { tiers: { fast: 5 } } })).toBe('Write text, a list or a mapping.');
    expect(fixOf({ routing: { tiers: { fast: { sticki: true } } } })).toBe('Did you mean "sticky"?');
    expect(fixOf({ routing: { tiers: { fast: { targets: [{ model: 'a', weight: -1 }] } } } })).toBe(
      'Write a whole number from 0 to 1,000.',
    );
    expect(fixOf({ routing: { tiers: { fast: 'a'.repeat(0) } } })).toBe(
      'Use up to 63 letters, digits, ".", "_" and "-", beginning with a letter or digit.',
    );
    expect(fixOf({ routing: { tiers: { fast: Array(101).fill('a') } } })).toBe('Write at most 100.');
    expect(fixOf({ fallback: { answers: { a: 'a'.repeat(16_385) } } })).toBe('Write at most 16,384 characters.');
  });

  it('reads texts of variables also within what may be several things', () => {
    const tree = { routing: { tiers: { fast: { sticky: 'yes', targets: [{ model: 'a', weight: '3' }] } } } };
    expect(check(tree, () => true)).toMatchObject({
      problems: [],
      config: { routing: { tiers: { fast: { sticky: true, targets: [{ weight: 3 }] } } } },
    });
  });

  it.each<[string, Branch]>([
    ['unknown settings', Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 1]))],
    [
      'wrong ones',
      { providers: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, { models: 1 }])) },
    ],
  ])('tells of the first hundred of 20,000 %s, and does not take long', { timeout: 5_000 }, (_, tree) => {
    const { problems } = check(tree, never);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toMatchObject({ path: 'the file', problem: 'has 19900 more problems' });
  });
});
