import { describe, expect, it } from 'vitest';
import { ModelLifecycle } from '#gen/antiphon/v1/model_pb.js';
import { fromListing } from '../../src/catalogue/listed.ts';
import type { ListedModel } from '../../src/core/listed-model.ts';

const read = (...listed: ListedModel[]) => [...fromListing(listed, { source: 'listing of a', asOf: '2026-11-21' })];

describe('fromListing', () => {
  it('takes over what is told', () => {
    const price = { input: 0.0000025 * 1e6, output: 10, cachedInput: 0.25, cacheWrite: 3.125 };
    const limits = { contextWindowTokens: 1000, maxInputTokens: 900, maxOutputTokens: 100 };
    expect(read({ id: 'm', ...limits, retirementDate: '2027-01-31', price })).toEqual([
      [
        'm',
        {
          ...limits,
          lifecycle: ModelLifecycle.DEPRECATED,
          retirementDate: '2027-01-31',
          price: {
            input: 2_500_000_000n,
            output: 10_000_000_000n,
            cachedInput: 250_000_000n,
            cacheWrite: 3_125_000_000n,
            cacheWrite1h: undefined,
            audioInput: undefined,
            tiers: [],
            servicePercent: {},
            source: 'listing of a',
            asOf: '2026-11-21',
          },
        },
      ],
    ]);
  });

  it('leaves open what is not told', () => {
    expect(read({ id: 'm' })).toEqual([['m', {}]]);
    const [[, { price }] = ['', {}]] = read({ id: 'm', price: { input: 0, output: 0, cachedInput: -1 } });
    expect(price).toMatchObject({ input: 0n, output: 0n, cachedInput: undefined, cacheWrite: undefined });
  });

  it.each<[string, Partial<ListedModel>]>([
    ['a price that depends', { price: { input: -1, output: -1 } }],
    ['half a price', { price: { input: 1, output: Number.NaN } }],
    ['a price beyond all measure', { price: { input: 1e21, output: 1 } }],
    ['no tokens at all', { maxOutputTokens: 0 }],
    ['half a token', { maxInputTokens: 0.5 }],
    ['more tokens than the contract can say', { contextWindowTokens: 2 ** 32 }],
    ['a moment instead of a day', { retirementDate: '2027-01-31T00:00:00Z' }],
  ])('leaves out %s', (_, some) => {
    expect(read({ id: 'm', ...some })).toEqual([['m', {}]]);
  });

  it('leaves out ids that are none, and what is too much', () => {
    const ids = ['', 'x'.repeat(257), 'a b', 'a\nb', '\u001b[31m', 'a\u202eb', '\ud800', 'x'.repeat(1e6)];
    expect(read(...ids.map((id) => ({ id })))).toEqual([]);
    expect(read({ id: 'meta-llama/Llama-3:free' }, { id: 'модель' })).toHaveLength(2);
    expect(read(...Array.from({ length: 10_001 }, (_, i) => ({ id: `m${i}` })))).toHaveLength(10_000);
  });
});
