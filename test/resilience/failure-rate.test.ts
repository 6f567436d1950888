import { describe, expect, it } from 'vitest';
import { FailureRate } from '../../src/resilience/failure-rate.ts';

describe('the failure rate', () => {
  it.each([
    { succeeded: 1, failed: 1, share: 0.5, minCalls: 2, reaches: true },
    { succeeded: 1, failed: 1, share: 0.5, minCalls: 3, reaches: false },
    { succeeded: 2, failed: 1, share: 0.5, minCalls: 3, reaches: false },
    { succeeded: 0, failed: 3, share: 1, minCalls: 3, reaches: true },
    { succeeded: 1, failed: 99, share: 1, minCalls: 3, reaches: false },
    { succeeded: 7, failed: 3, share: 0.3, minCalls: 10, reaches: true },
  ])(
    'of $failed in $succeeded + $failed reaches $share of $minCalls: $reaches',
    ({ succeeded, failed, share, minCalls, reaches }) => {
      const rate = new FailureRate(1_000);
      for (let i = 0; i < succeeded; i++) rate.succeeded(10);
      for (let i = 0; i < failed; i++) rate.failed(10);
      expect(rate.reaches(share, minCalls, 10)).toBe(reaches);
    },
  );

  it('forgets what is older than its window', () => {
    const rate = new FailureRate(1_000);
    rate.failed(0);
    expect(rate.reaches(1, 1, 999)).toBe(true);
    expect(rate.reaches(1, 1, 1_000)).toBe(false);
  });

  it('counts a call that failed after all once, as failed', () => {
    const rate = new FailureRate(1_000);
    rate.failed(10, rate.succeeded(10));
    expect(rate.reaches(1, 1, 10)).toBe(true);
    expect(rate.reaches(1, 2, 10)).toBe(false);
    rate.failed(1_500, rate.succeeded(10));
    expect(rate.reaches(1, 1, 1_500)).toBe(true);
  });
});
