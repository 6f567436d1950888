import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitWindows } from '../../src/core/limits.ts';
import { slidingWaitMs, windowAt } from '../../src/quotas/windows.ts';

/** From 1970 to 2100. */
const moment = fc.integer({ min: 0, max: Date.UTC(2100, 0) });
const anyWindow = fc.constantFrom(...limitWindows);

describe('a window', () => {
  it('is one from its beginning to its end, and then another', () => {
    fc.assert(
      fc.property(anyWindow, moment, fc.nat(), (window, wallMs, more) => {
        const { id, endsInMs } = windowAt(window, wallMs);
        expect(endsInMs).toBeGreaterThan(0);
        expect(windowAt(window, wallMs + (more % endsInMs)).id).toBe(id);
        expect(windowAt(window, wallMs + endsInMs).id).not.toBe(id);
      }),
    );
  });

  it.each([
    ['hour', '2026-11-21T18', 41 * 60_000],
    ['day', '2026-11-21', (5 * 60 + 41) * 60_000],
    ['month', '2026-11', 9 * 24 * 3_600_000 + (5 * 60 + 41) * 60_000],
  ] as const)('of a %s is that of the calendar in UTC', (window, id, endsInMs) => {
    expect(windowAt(window, Date.UTC(2026, 10, 21, 18, 19))).toEqual({ id, endsInMs, before: undefined });
  });

  it('of a month ends with the month, in December and February too', () => {
    expect(windowAt('month', Date.UTC(2026, 11, 31, 23, 59, 59)).endsInMs).toBe(1_000);
    expect(windowAt('month', Date.UTC(2028, 1, 29)).endsInMs).toBe(24 * 3_600_000);
  });

  it('of a minute knows the one before it, which fades', () => {
    fc.assert(
      fc.property(moment, (wallMs) => {
        const { before, endsInMs } = windowAt('minute', wallMs + 60_000);
        expect(before?.id).toBe(windowAt('minute', wallMs).id);
        expect(before?.share).toBeCloseTo(endsInMs / 60_000);
      }),
    );
  });
});

describe('the wait for room in a sliding minute', () => {
  const state = fc.record({
    limit: fc.integer({ min: 1, max: 1_000 }),
    share: fc.double({ min: 0.001, max: 1, noNaN: true }),
    before: fc.nat(1_000),
    now: fc.nat(1_000),
    wallMs: moment,
  });

  /** What counts against the limit so long after the moment, if nothing is spent in between. */
  const counted = (given: { before: number; now: number; wallMs: number }, laterMs: number): number => {
    const at = (ms: number) => windowAt('minute', ms);
    const { id, before } = at(given.wallMs + laterMs);
    const spent = new Map([
      [at(given.wallMs).id, given.now],
      [at(given.wallMs).before?.id, given.before],
    ]);
    return (spent.get(id) ?? 0) + (spent.get(before?.id) ?? 0) * (before?.share ?? 0);
  };

  it('is as long as it takes, and no longer', () => {
    fc.assert(
      fc.property(state, ({ limit, share, ...given }) => {
        const wanted = Math.max(1, Math.floor(limit * share));
        const waitMs = slidingWaitMs(wanted, limit, given, given.wallMs);
        const hasRoom = (ms: number) => counted(given, ms) + wanted <= limit;
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(hasRoom(Math.ceil(waitMs) + 1)).toBe(true);
        if (waitMs > 2 && !hasRoom(0)) expect(hasRoom(Math.floor(waitMs) - 2)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
