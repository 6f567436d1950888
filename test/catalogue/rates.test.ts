import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usd } from '../../src/catalogue/rates.ts';
import { nanoUsdOf, nanoUsdOfNumber } from '../../src/core/billing.ts';

describe('an amount', () => {
  it.each([
    ['0', 0n],
    ['2', 2_000_000_000n],
    ['0.075', 75_000_000n],
    ['0.01875', 18_750_000n],
    ['18.75', 18_750_000_000n],
    ['0.000000001', 1n],
    ['1000000', 1_000_000_000_000_000n],
    ['0.0000000019', 1n],
  ])('of %s dollars', (text, nanoUsd) => {
    expect(nanoUsdOf(text)).toBe(nanoUsd);
  });

  it.each([
    [0.1 + 0.2, 300_000_000n],
    [1e-9, 1n],
    [1e-10, 0n],
    [0.0000025 * 1e6, 2_500_000_000n],
    [1_000_000, 1_000_000_000_000_000n],
  ])('of the number %s', (number, nanoUsd) => {
    expect(nanoUsdOfNumber(number)).toBe(nanoUsd);
  });

  it('is what was written, however it was written', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(999_999_999), (whole, fraction) => {
        const digits = String(fraction).padStart(9, '0');
        const expected = BigInt(whole) * 1_000_000_000n + BigInt(fraction);
        expect(nanoUsdOf(`${whole}.${digits}`)).toBe(expected);
        expect(nanoUsdOf(`${whole}.${digits.replace(/0+$/, '')}`)).toBe(expected);
        expect(nanoUsdOfNumber(Number(`${whole}.${digits}`))).toBe(expected);
      }),
    );
  });
});

it('has no rate where none was given', () => {
  expect(usd('1', '2', { cachedInput: '0.1' })).toEqual({
    input: 1_000_000_000n,
    output: 2_000_000_000n,
    cachedInput: 100_000_000n,
    cacheWrite: undefined,
    cacheWrite1h: undefined,
    audioInput: undefined,
  });
});
