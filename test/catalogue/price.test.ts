import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cost, CostStatus, type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { isKeepingCheaper, priceOf, promptCacheEffect } from '../../src/catalogue/price.ts';
import { type Price, usd } from '../../src/catalogue/rates.ts';
import type { Billing } from '../../src/core/billing.ts';

const { PRICED, REPORTED, UNPRICED } = CostStatus;

type Counts = Partial<
  Record<'inputTokens' | 'outputTokens' | 'cachedInputTokens' | 'cacheWriteTokens' | 'reasoningTokens', bigint>
>;

const used = (counts: Counts): Usage => create(UsageSchema, counts);

/** Dollars for a million tokens, so thousands of thousand-millionths for one. */
const full: Price = {
  ...usd('2', '8', { cachedInput: '0.5', cacheWrite: '2.5', cacheWrite1h: '4', audioInput: '3' }),
  tiers: [
    { aboveInputTokens: 1_000, ...usd('4', '12', { cachedInput: '1' }) },
    { aboveInputTokens: 5_000, ...usd('6', '20') },
  ],
  servicePercent: { flex: 50n, priority: 175n },
  source: 'a list',
  asOf: '2026-11-10',
};

const bare: Price = { ...full, ...usd('2', '8'), tiers: [], servicePercent: {} };

const amounts = ({ status, inputNanoUsd, outputNanoUsd, totalNanoUsd }: Cost) => ({
  status,
  inputNanoUsd,
  outputNanoUsd,
  totalNanoUsd,
});

describe('the price of a call', () => {
  it.each<[string, Counts, Billing, Price, bigint, bigint]>([
    ['nothing', {}, {}, full, 0n, 0n],
    ['input and output', { inputTokens: 100n, outputTokens: 10n }, {}, full, 200_000n, 80_000n],
    ['reasoning, a part of the output', { outputTokens: 10n, reasoningTokens: 9n }, {}, full, 0n, 80_000n],
    // 40 at 0.5, 60 at 2
    ['reading from the cache', { inputTokens: 100n, cachedInputTokens: 40n }, {}, full, 140_000n, 0n],
    // 30 at 2.5, 70 at 2
    ['writing to it', { inputTokens: 100n, cacheWriteTokens: 30n }, {}, full, 215_000n, 0n],
    // 10 at 4, 20 at 2.5, 70 at 2
    [
      'writing to it for an hour',
      { inputTokens: 100n, cacheWriteTokens: 30n },
      { cacheWrite1hTokens: 10n },
      full,
      230_000n,
      0n,
    ],
    // 50 at 3, 50 at 2
    ['audio', { inputTokens: 100n }, { audioInputTokens: 50n }, full, 250_000n, 0n],
    // 40 at 0.5, 10 at 4, 20 at 2.5, 5 at 3, 25 at 2
    [
      'all at once',
      { inputTokens: 100n, cachedInputTokens: 40n, cacheWriteTokens: 30n },
      { cacheWrite1hTokens: 10n, audioInputTokens: 5n },
      full,
      175_000n,
      0n,
    ],
    ['the last token before a tier', { inputTokens: 1_000n, outputTokens: 1n }, {}, full, 2_000_000n, 8_000n],
    ['the first one in it, for all', { inputTokens: 1_001n, outputTokens: 1n }, {}, full, 4_004_000n, 12_000n],
    ['the next tier', { inputTokens: 5_001n, outputTokens: 1n }, {}, full, 30_006_000n, 20_000n],
    // 1,000 at 1, 500 at 4
    ['the cache in a tier', { inputTokens: 1_500n, cachedInputTokens: 1_000n }, {}, full, 3_000_000n, 0n],
    [
      'the cache in a tier without a rate',
      { inputTokens: 6_000n, cachedInputTokens: 6_000n },
      {},
      full,
      36_000_000n,
      0n,
    ],
    [
      'a cheaper class of service',
      { inputTokens: 100n, outputTokens: 10n },
      { serviceTier: 'flex' },
      full,
      100_000n,
      40_000n,
    ],
    ['a dearer one', { inputTokens: 100n, outputTokens: 10n }, { serviceTier: 'PRIORITY' }, full, 350_000n, 140_000n],
    ['the ordinary one', { inputTokens: 100n, outputTokens: 10n }, { serviceTier: 'default' }, full, 200_000n, 80_000n],
    [
      'a cache without rates of its own',
      { inputTokens: 100n, cachedInputTokens: 40n, cacheWriteTokens: 30n },
      {},
      bare,
      200_000n,
      0n,
    ],
    ['audio without one', { inputTokens: 100n }, { audioInputTokens: 50n }, bare, 200_000n, 0n],
    [
      'an hour without one, as any time',
      { inputTokens: 100n, cacheWriteTokens: 30n },
      { cacheWrite1hTokens: 30n },
      { ...bare, cacheWrite: 2_500_000_000n },
      215_000n,
      0n,
    ],
    // More cached than there is: 100 at 0.5.
    [
      'parts that are more than the whole',
      { inputTokens: 100n, cachedInputTokens: 400n, cacheWriteTokens: 9n },
      {},
      full,
      50_000n,
      0n,
    ],
  ])('%s', (_, counts, billing, price, inputNanoUsd, outputNanoUsd) => {
    const totalNanoUsd = inputNanoUsd + outputNanoUsd;
    expect(amounts(priceOf(used(counts), billing, price))).toEqual({
      status: PRICED,
      inputNanoUsd,
      outputNanoUsd,
      totalNanoUsd,
    });
  });

  it('says where it comes from', () => {
    expect(priceOf(used({}), {}, full)).toMatchObject({ priceSource: 'a list', priceVersion: '2026-11-10' });
  });

  it.each([
    // A token of these costs 0.4, 0.5 and 0.6 of a thousand-millionth.
    ['0.0004', 0n],
    ['0.0005', 1n],
    ['0.0006', 1n],
  ])('is rounded half up: %s', (rate, nanoUsd) => {
    const price = { ...bare, ...usd(rate, rate) };
    expect(amounts(priceOf(used({ inputTokens: 1n, outputTokens: 1n }), {}, price))).toEqual({
      status: PRICED,
      inputNanoUsd: nanoUsd,
      outputNanoUsd: nanoUsd,
      totalNanoUsd: 2n * nanoUsd,
    });
  });

  it('of nothing is a price', () => {
    const free = { ...bare, ...usd('0', '0') };
    expect(priceOf(used({ inputTokens: 9n, outputTokens: 9n }), {}, free)).toMatchObject({
      status: PRICED,
      totalNanoUsd: 0n,
    });
  });

  it('that is reported wins, undivided', () => {
    const cost = priceOf(used({ inputTokens: 100n }), { reportedNanoUsd: 123n, serviceTier: 'unheard-of' }, full);
    expect(amounts(cost)).toEqual({ status: REPORTED, totalNanoUsd: 123n, inputNanoUsd: 0n, outputNanoUsd: 0n });
    expect(cost).toMatchObject({ priceSource: 'provider', priceVersion: '' });
    expect(priceOf(used({}), { reportedNanoUsd: 0n }, undefined).status).toBe(REPORTED);
  });

  it.each<[string, Counts, Billing, Price | undefined]>([
    ['no price', { inputTokens: 1n }, {}, undefined],
    ['a class of service without one', { inputTokens: 1n }, { serviceTier: 'scale' }, full],
    ['a name that every object has', { inputTokens: 1n }, { serviceTier: 'constructor' }, full],
    ['counts that nobody could pay for', { outputTokens: 2n ** 53n }, {}, { ...full, output: 10n ** 12n }],
  ])('is not known: %s', (_, counts, billing, price) => {
    const cost = priceOf(used(counts), billing, price);
    expect(amounts(cost)).toEqual({ status: UNPRICED, inputNanoUsd: 0n, outputNanoUsd: 0n, totalNanoUsd: 0n });
    expect(cost).toMatchObject({ priceSource: '', priceVersion: '' });
  });
});

describe('whatever is used', () => {
  const rate = fc.bigInt({ min: 0n, max: 200_000_000_000n });
  const count = fc.bigInt({ min: 0n, max: 2_000_000n });
  const part = fc.option(rate, { nil: undefined });
  const rates = fc.record({
    input: rate,
    output: rate,
    cachedInput: part,
    cacheWrite: part,
    cacheWrite1h: part,
    audioInput: part,
  });
  const untiered = rates.map((some): Price => ({ ...full, ...some, tiers: [] }));
  const counts = fc.record({
    inputTokens: count,
    outputTokens: count,
    cachedInputTokens: count,
    cacheWriteTokens: count,
  });
  const billing = fc.record({ cacheWrite1hTokens: count, audioInputTokens: count });

  it('more output never costs less', () => {
    fc.assert(
      fc.property(untiered, counts, billing, count, (price, usage, more, extra) => {
        const less = priceOf(used(usage), more, price);
        const greater = priceOf(used({ ...usage, outputTokens: usage.outputTokens + extra }), more, price);
        expect(greater.totalNanoUsd >= less.totalNanoUsd).toBe(true);
      }),
    );
  });

  it('more input of the plain kind never costs less, over the lines of tiers too', () => {
    fc.assert(
      fc.property(count, count, (inputTokens, extra) => {
        const less = priceOf(used({ inputTokens }), {}, full);
        const greater = priceOf(used({ inputTokens: inputTokens + extra }), {}, full);
        expect(greater.totalNanoUsd >= less.totalNanoUsd).toBe(true);
      }),
    );
  });

  it('two calls cost what they cost together, but for the rounding', () => {
    fc.assert(
      fc.property(untiered, count, count, count, count, (price, a, b, c, d) => {
        const cost = (inputTokens: bigint, outputTokens: bigint) =>
          priceOf(used({ inputTokens, outputTokens }), {}, price).totalNanoUsd;
        const apart = cost(a, b) + cost(c, d);
        const together = cost(a + c, b + d);
        const difference = apart > together ? apart - together : together - apart;
        expect(difference <= 2n).toBe(true);
      }),
    );
  });

  it('the input costs between all of it at the least rate and all at the highest', () => {
    fc.assert(
      fc.property(untiered, counts, billing, (price, usage, more) => {
        const { input, cachedInput, cacheWrite, cacheWrite1h, audioInput } = price;
        const all = [input, cachedInput, cacheWrite, cacheWrite1h, audioInput].filter((each) => each !== undefined);
        const at = (each: bigint) => (usage.inputTokens * each) / 1_000_000n;
        const { inputNanoUsd } = priceOf(used(usage), more, price);
        expect(all.some((each) => at(each) <= inputNanoUsd)).toBe(true);
        expect(all.some((each) => at(each) + 1n >= inputNanoUsd)).toBe(true);
      }),
    );
  });

  it('the total is the sum of input and output', () => {
    fc.assert(
      fc.property(untiered, counts, billing, (price, usage, more) => {
        const { inputNanoUsd, outputNanoUsd, totalNanoUsd } = priceOf(used(usage), more, price);
        expect(totalNanoUsd).toBe(inputNanoUsd + outputNanoUsd);
      }),
    );
  });
});

const anyCount = fc.bigInt(0n, 20_000n);
const anyUse = fc.record({
  inputTokens: anyCount,
  outputTokens: anyCount,
  cachedInputTokens: anyCount,
  cacheWriteTokens: anyCount,
});
const anyBilling = fc.record({
  cacheWrite1hTokens: anyCount,
  serviceTier: fc.constantFrom('', 'flex', 'priority', 'scale'),
});

describe('what a prompt cache does to the price', () => {
  it.each<[string, Counts, Billing, Price, bigint, bigint]>([
    ['nothing', { inputTokens: 100n }, {}, full, 0n, 0n],
    // 40 at 1.5 less, 30 at 0.5 more
    ['both', { inputTokens: 100n, cachedInputTokens: 40n, cacheWriteTokens: 30n }, {}, full, 60_000n, 15_000n],
    // 10 at 2 more, 20 at 0.5 more
    ['an hour', { inputTokens: 100n, cacheWriteTokens: 30n }, { cacheWrite1hTokens: 10n }, full, 0n, 30_000n],
    ['half the price', { inputTokens: 100n, cachedInputTokens: 40n }, { serviceTier: 'flex' }, full, 30_000n, 0n],
    ['a tier', { inputTokens: 1_500n, cachedInputTokens: 1_000n }, {}, full, 3_000_000n, 0n],
    ['no rates of its own', { inputTokens: 100n, cachedInputTokens: 40n, cacheWriteTokens: 30n }, {}, bare, 0n, 0n],
  ])('is what it should be: %s', (_, counts, billing, price, savedNanoUsd, surchargeNanoUsd) => {
    expect(promptCacheEffect(used(counts), billing, price)).toEqual({ savedNanoUsd, surchargeNanoUsd });
  });

  it('is the difference to the price of the same input without one, to a rounding of each', () => {
    const property = fc.property(anyUse, anyBilling, (counts, billing) => {
      const usage = used(counts);
      const effect = promptCacheEffect(usage, billing, full);
      const plain = priceOf(used({ ...counts, cachedInputTokens: 0n, cacheWriteTokens: 0n }), billing, full);
      const real = priceOf(usage, billing, full);
      if (!effect) expect(real.status).toBe(UNPRICED);
      else {
        const error = plain.inputNanoUsd - effect.savedNanoUsd + effect.surchargeNanoUsd - real.inputNanoUsd;
        expect(error >= -2n && error <= 2n).toBe(true);
      }
    });
    fc.assert(property);
  });

  it('is never less than nothing, and not known without a price', () => {
    const dear = { ...bare, ...usd('2', '8', { cachedInput: '3', cacheWrite: '1' }) };
    const counts = { inputTokens: 100n, cachedInputTokens: 40n, cacheWriteTokens: 30n };
    expect(promptCacheEffect(used(counts), {}, dear)).toEqual({ savedNanoUsd: 0n, surchargeNanoUsd: 0n });
    expect(promptCacheEffect(used(counts), {}, undefined)).toBeUndefined();
  });

  it.each<[string, Price | undefined, boolean]>([
    ['as at Anthropic', { ...bare, ...usd('3', '15', { cachedInput: '0.3', cacheWrite: '3.75' }) }, true],
    ['written for nothing', { ...bare, ...usd('3', '15', { cachedInput: '1.5' }) }, true],
    ['written for as much as it saves', { ...bare, ...usd('3', '15', { cachedInput: '2', cacheWrite: '4' }) }, false],
    ['read for no less', { ...bare, ...usd('3', '15', { cachedInput: '3' }) }, false],
    ['without a rate for reading', bare, false],
    ['without a price', undefined, false],
  ])('makes keeping it cheaper, or not: %s', (_, price, expected) => {
    expect(isKeepingCheaper(price)).toBe(expected);
  });
});
