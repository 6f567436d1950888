import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlidingWindow } from '../../src/resilience/sliding-window.ts';

const WINDOW_MS = 1_000;

const counting = (buckets: number) => new SlidingWindow(WINDOW_MS, buckets, () => ({ count: 0 }));
const countIn = (window: SlidingWindow<{ count: number }>, nowMs: number) =>
  window.fold(nowMs, 0, (sum, { count }) => sum + count);

describe('a sliding window', () => {
  it('counts what a list of everything would: all that is new enough, and nothing older than the window', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 700 })), { maxLength: 60 });
    const property = fc.property(steps, fc.integer({ min: 1, max: 12 }), (all, buckets) => {
      const window = counting(buckets);
      const times: number[] = [];
      const bucketMs = WINDOW_MS / buckets;
      let nowMs = 5;
      for (const [counts, ms] of all) {
        nowMs += ms;
        if (counts) {
          window.at(nowMs).count++;
          times.push(nowMs);
        }
        const oldest = Math.floor(nowMs / bucketMs) - buckets;
        const count = countIn(window, nowMs);
        expect(count).toBe(times.filter((atMs) => Math.floor(atMs / bucketMs) > oldest).length);
        expect(count).toBeLessThanOrEqual(times.filter((atMs) => atMs > nowMs - WINDOW_MS).length);
        expect(count).toBeGreaterThanOrEqual(times.filter((atMs) => atMs > nowMs - WINDOW_MS + bucketMs).length);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('lets a bucket be changed that is forgotten, without effect', () => {
    const window = counting(2);
    const old = window.at(0);
    window.at(1_000).count++;
    old.count = 7;
    expect(countIn(window, 1_000)).toBe(1);
  });
});
