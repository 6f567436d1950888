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
