import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { type Price, usd } from '../../src/catalogue/rates.ts';
import { expectedCost } from '../../src/routing/expected-cost.ts';
import { nameOf, targetOf } from './routes.ts';

const priceOf = (input: string, output: string): Price => ({
  ...usd(input, output),
  tiers: [],
  servicePercent: {},
  source: 'test',
  asOf: '',
});

it('prices what a call is expected to use', () => {
  const prices = new Map([
    ['a/1', priceOf('1', '2')],
    ['b/1', priceOf('0', '0')],
  ]);
  const cost = expectedCost((target) => prices.get(nameOf(target)));
  const usage = create(UsageSchema, { inputTokens: 1_000n, outputTokens: 500n });
  expect(cost(targetOf('a/1'), usage)).toBe(2_000_000);
  expect(cost(targetOf('b/1'), usage)).toBe(0);
  expect(cost(targetOf('c/1'), usage)).toBeUndefined();
});
