import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outcomes } from '../../src/resilience/outcomes.ts';
import { fakeClock } from '../support/fake-clock.ts';

const MAX_ERROR = 0.1;

/** The nearest rank, from a list of all. */
function percentile(all: readonly number[], share: number): number | undefined {
  return all.toSorted((a, b) => a - b)[Math.ceil(share * all.length) - 1];
}

function expectNear(ms: number | undefined, exactMs: number | undefined): void {
  if (exactMs === undefined) return expect(ms).toBeUndefined();
  expect(Math.abs((ms ?? 0) - exactMs) / exactMs).toBeLessThan(MAX_ERROR);
}

type Ended = { readonly atMs: number; readonly ms?: number; readonly failed?: boolean };

const step = fc.record({
  how: fc.constantFrom('succeeded', 'succeeded', 'answered', 'failed'),
  ms: fc.double({ min: 1, max: 3_600_000, noNaN: true }),
  waitMs: fc.integer({ min: 0, max: 9_000 }),
});

describe('outcomes', () => {
  it('are those that a list of all tries would give, within a minute', () => {
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let nowMs = 77;
      const outcomes = new Outcomes({ now: () => nowMs });
      const all: Ended[] = [];
      for (const { how, ms, waitMs } of steps) {
        nowMs += waitMs;
        if (how === 'succeeded') outcomes.succeeded(ms);
        else if (how === 'answered') outcomes.answered();
        else outcomes.failed('upstream_error');
        all.push({ atMs: nowMs, failed: how === 'failed', ...(how === 'succeeded' ? { ms } : {}) });
      }
      const oldest = Math.floor(nowMs / 5_000) - 12;
      const recent = all.filter(({ atMs }) => Math.floor(atMs / 5_000) > oldest);
      const durations = recent.flatMap(({ ms }) => (ms === undefined ? [] : [ms]));
      const failures = recent.filter(({ failed }) => failed).length;
      const summary = Outcomes.summary([outcomes]);
      expect([summary.calls, summary.failures]).toEqual([recent.length, failures]);
      expect(summary.errorRate).toBe(recent.length === 0 ? undefined : failures / recent.length);
      expectNear(summary.p50Ms, percentile(durations, 0.5));
      expectNear(summary.p95Ms, percentile(durations, 0.95));
      expect(summary.lastFailure?.atMs).toBe(all.findLast(({ failed }) => failed)?.atMs);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it.each([
    [0, 1],
    [0.2, 1],
    [1, 1],
    [3_600_000, 3_600_000],
    [1e12, 3_600_000],
  ])('take %d ms as about %d ms', (ms, aboutMs) => {
    const outcomes = new Outcomes(fakeClock());
    outcomes.succeeded(ms);
    expectNear(Outcomes.summary([outcomes]).p50Ms, aboutMs);
  });

  it('tell how slow 95 of 100 were at the most', () => {
    const outcomes = new Outcomes(fakeClock());
    for (let i = 1; i <= 100; i++) outcomes.succeeded(1.07 ** i);
    const { p50Ms, p95Ms } = Outcomes.summary([outcomes]);
    expectNear(p50Ms, 1.07 ** 50);
    expectNear(p95Ms, 1.07 ** 95);
  });

  it('are nothing where nothing was tried', () => {
    const nothing = { calls: 0, failures: 0 };
    expect(Outcomes.summary([])).toEqual(nothing);
    expect(Outcomes.summary([new Outcomes(fakeClock())])).toEqual(nothing);
  });

  it('forget all but the last failure, which says when it was', () => {
    const clock = fakeClock();
    const outcomes = new Outcomes(clock);
    outcomes.failed('upstream_reset');
    outcomes.failed('upstream_timeout');
    clock.advance(3_600_000);
    expect(Outcomes.summary([outcomes])).toEqual({
      calls: 0,
      failures: 0,
      lastFailure: { kind: 'upstream_timeout', atMs: 1_000 },
    });
  });

  it('are put together from several targets', () => {
    const clock = fakeClock();
    const [one, other, third] = [new Outcomes(clock), new Outcomes(clock), new Outcomes(clock)];
    one.failed('upstream_reset');
    clock.advance(10);
    other.failed('upstream_timeout');
    for (const ms of [10, 20, 30, 40]) third.succeeded(ms);
    for (const order of [
      [one, other, third],
      [third, other, one],
    ]) {
      const { p50Ms, ...summary } = Outcomes.summary(order);
      expect(summary).toMatchObject({
        calls: 6,
        failures: 2,
        errorRate: 1 / 3,
        lastFailure: { kind: 'upstream_timeout', atMs: 1_010 },
      });
      expectNear(p50Ms, 20);
    }
  });
});
