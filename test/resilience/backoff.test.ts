import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adviceMs, backoffMs } from '../../src/resilience/backoff.ts';
import { defaultRetry } from '../../src/resilience/settings.ts';

const settings = { ...defaultRetry, baseMs: 100, maxMs: 1_000, maxRetryAfterMs: 20_000 };
const HOUR_MS = 3_600_000;

/** The largest chance there is. */
const NEARLY_1 = 1 - Number.EPSILON / 2;

describe('a wait of our own', () => {
  it.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [4, 800],
    [5, 1_000],
    [6, 1_000],
    [2_000, 1_000],
  ])('before repeat %i is anything from 0 to %i ms', (n, longestMs) => {
    expect(backoffMs(n, 0, settings)).toBe(0);
    expect(backoffMs(n, 0.25, settings)).toBe(longestMs / 4);
    expect(backoffMs(n, NEARLY_1, settings)).toBeCloseTo(longestMs);
  });
});

describe('a wait that the provider has named', () => {
  it.each<[number, number, number]>([
    [0, 0, 250],
    [1_000, 1_000, 1_250],
    [2_500, 2_500, 2_750],
    [20_000, 20_000, 22_000],
  ])('of %i ms is at least %i and at most %i ms, however often it was tried', (namedMs, leastMs, mostMs) => {
    for (const n of [1, 7]) {
      expect(backoffMs(n, 0, settings, namedMs)).toBe(leastMs);
      expect(backoffMs(n, NEARLY_1, settings, namedMs)).toBeCloseTo(mostMs);
    }
  });

  it.each([20_001, HOUR_MS, Number.POSITIVE_INFINITY, Number.NaN])('of %d ms is too long to be kept', (namedMs) => {
    expect(backoffMs(1, 0, settings, namedMs)).toBeUndefined();
  });
});

describe('advice', () => {
  it('is in the upper half of what would come after all repeats', () => {
    const advised = { ...settings, maxRetries: 2 };
    expect([adviceMs(0, advised), adviceMs(NEARLY_1, advised)]).toEqual([200, expect.closeTo(400)]);
    expect(adviceMs(0, { ...settings, maxRetries: 99 })).toBe(500);
  });
});

/** Also those that no configuration can have. */
const anyMs = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.MIN_VALUE, -1),
  fc.nat(),
);
const anySettings = fc.record({
  baseMs: anyMs,
  maxMs: anyMs,
  maxRetryAfterMs: anyMs.map((ms) => Math.min(ms, HOUR_MS)),
});
const anyChance = fc.double({ min: 0, max: NEARLY_1, noNaN: true });
const anyN = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(1_024, 2 ** 31, Number.MAX_SAFE_INTEGER));

it('no wait is negative, no number, or longer than an hour and a tenth', () => {
  const named = fc.option(fc.oneof(anyMs, fc.constant(Number.NaN)), { nil: undefined });
  const property = fc.property(anyN, anyChance, anySettings, named, (n, chance, some, namedMs) => {
    const waitMs = backoffMs(n, chance, some, namedMs) ?? 0;
    expect(waitMs).toBeGreaterThanOrEqual(0);
    expect(waitMs).toBeLessThanOrEqual(1.1 * HOUR_MS);
    if (namedMs !== undefined && namedMs <= some.maxRetryAfterMs) expect(waitMs).toBeGreaterThanOrEqual(namedMs);
    const advised = adviceMs(chance, { ...some, maxRetries: n });
    expect(advised).toBeGreaterThanOrEqual(0);
    expect(advised).toBeLessThanOrEqual(HOUR_MS);
  });
  fc.assert(property, { numRuns: 2_000 });
});
