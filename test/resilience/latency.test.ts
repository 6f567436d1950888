import { describe, expect, it } from 'vitest';
import { Latency } from '../../src/resilience/latency.ts';
import { fakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = fakeClock();
  return { clock, latency: new Latency(clock) };
}

describe('latency', () => {
  it('is not known at first', () => {
    const { latency } = setUp();
    expect([latency.ewmaMs, latency.fastestMs]).toEqual([undefined, undefined]);
  });

  it('rises at once', () => {
    const { clock, latency } = setUp();
    latency.record(100);
    clock.advance(1);
    latency.record(900);
    expect([latency.ewmaMs, latency.fastestMs]).toEqual([900, 100]);
  });

  it('falls by half of the way in ten seconds, with answers and without', () => {
    const { clock, latency } = setUp();
    latency.record(100);
    latency.record(900);
    clock.advance(10_000);
    expect(latency.ewmaMs).toBe(500);
    latency.record(100);
    expect(latency.ewmaMs).toBe(500);
    clock.advance(10_000);
    expect(latency.ewmaMs).toBe(300);
  });

  it('does not fall by answers of the same moment', () => {
    const { latency } = setUp();
    latency.record(900);
    for (let i = 0; i < 100; i++) latency.record(100);
    expect(latency.ewmaMs).toBe(900);
  });

  it('does not fall below the fastest answer, however long there is none', () => {
    const { clock, latency } = setUp();
    latency.record(100);
    latency.record(900);
    clock.advance(119_000);
    expect(latency.ewmaMs).toBeCloseTo(100, 0);
    expect(latency.ewmaMs).toBeGreaterThan(100);
  });

  it('is not known any more after two minutes without an answer', () => {
    const { clock, latency } = setUp();
    latency.record(100);
    clock.advance(120_000);
    expect(latency.ewmaMs).toBe(100);
    clock.advance(1);
    expect([latency.ewmaMs, latency.fastestMs]).toEqual([undefined, 100]);
    latency.record(50);
    expect(latency.ewmaMs).toBeCloseTo(50, 0);
  });

  it('forgets the fastest answer after some minutes', () => {
    const { clock, latency } = setUp();
    latency.record(100);
    clock.advance(150_000);
    latency.record(300);
    clock.advance(88_999);
    expect(latency.fastestMs).toBe(100);
    clock.advance(60_001);
    expect(latency.fastestMs).toBe(300);
    clock.advance(200_000);
    expect(latency.fastestMs).toBeUndefined();
  });

  it('does not rise by itself when the fastest answer is forgotten', () => {
    const { clock, latency } = setUp();
    latency.record(100);
    clock.advance(240_000);
    latency.record(900);
    clock.advance(60_000);
    expect(latency.fastestMs).toBe(900);
    expect(latency.ewmaMs).toBeCloseTo(112.5, 6);
    latency.recordAtLeast(200);
    clock.advance(60_000);
    expect(latency.ewmaMs).toBe(200);
  });

  it.each([
    { seenMs: [100], afterMs: 0, waitedMs: 700, ewmaMs: 700 },
    { seenMs: [100], afterMs: 0, waitedMs: 50, ewmaMs: 100 },
    { seenMs: [100], afterMs: 130_000, waitedMs: 50, ewmaMs: undefined },
    { seenMs: [100], afterMs: 130_000, waitedMs: 200, ewmaMs: 200 },
    { seenMs: [], afterMs: 0, waitedMs: 50, ewmaMs: 50 },
    { seenMs: [], afterMs: 0, waitedMs: 0, ewmaMs: undefined },
  ])(
    'after $seenMs ms, and $waitedMs ms in vain $afterMs ms later, is $ewmaMs',
    ({ seenMs, afterMs, waitedMs, ewmaMs }) => {
      const { clock, latency } = setUp();
      for (const ms of seenMs) latency.record(ms);
      const { fastestMs } = latency;
      clock.advance(afterMs);
      latency.recordAtLeast(waitedMs);
      expect([latency.ewmaMs, latency.fastestMs]).toEqual([ewmaMs, fastestMs]);
    },
  );
});
