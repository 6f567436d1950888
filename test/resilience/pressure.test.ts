import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Priority, priorities } from '../../src/core/policy.ts';
import { StandingDelay } from '../../src/resilience/pressure/standing-delay.ts';
import { Pressure } from '../../src/resilience/pressure.ts';
import { defaultShedding, type SheddingSettings } from '../../src/resilience/settings.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

/** Time in which the event loop may be held up: it passes, and no timer runs. */
function stallingClock(): FakeClock & { stall(ms: number): void } {
  const clock = fakeClock();
  let stalledMs = 0;
  return {
    ...clock,
    now: () => clock.now() + stalledMs,
    stall(ms) {
      stalledMs += ms;
    },
    get pending() {
      return clock.pending;
    },
  };
}

/** Looks at a process whose memory is what the test says. */
function scene(settings: Partial<SheddingSettings> = {}) {
  const clock = stallingClock();
  const memory = { share: 0, reads: 0 };
  const pressure = new Pressure({ ...defaultShedding, ...settings }, clock, () => {
    memory.reads++;
    return memory.share;
  });
  const refused = () => priorities.map((priority) => pressure.refuses(priority));
  /** Lets the loop be held up for so long before each of so many looks at it. */
  const late = (ms: number, times = 1) => {
    for (let i = 0; i < times; i++) {
      clock.stall(ms);
      clock.advance(100);
    }
  };
  /** Lets memory be read at this share. */
  const use = (share: number) => {
    memory.share = share;
    clock.advance(300);
  };
  return { clock, memory, pressure, refused, late, use };
}

const none = [undefined, undefined, undefined];

describe('a delay', () => {
  it.each([
    ['a single stall', [3_000]],
    ['a single stall among small ones', [20, 20, 3_000, 20, 20]],
    ['a burst at the start', [900]],
    ['two long stalls in a second', [400, 400, 0, 0]],
  ])('that is over counts for nothing: %s', (_, lateness) => {
    const { pressure, refused, late } = scene();
    pressure.start();
    for (const ms of lateness) {
      late(ms);
      expect(refused()).toEqual(none);
    }
    pressure.stop();
  });

  it.each<[number, (string | undefined)[]]>([
    [249, none],
    [250, ['delay', undefined, undefined]],
    [500, ['delay', 'delay', undefined]],
    [1_000, ['delay', 'delay', 'delay']],
  ])('of %i ms that lasts refuses by priority: %j', (ms, causes) => {
    const { pressure, refused, late } = scene();
    pressure.start();
    late(ms, 20);
    expect([refused(), pressure.delayMs]).toEqual([causes, ms]);
    pressure.stop();
  });

  it('has to last a second', () => {
    const { pressure, refused, late, clock } = scene();
    pressure.start();
    const startedMs = clock.now();
    while (refused()[0] === undefined) late(300);
    expect(clock.now() - startedMs).toBeGreaterThanOrEqual(1_000);
    expect(clock.now() - startedMs).toBeLessThan(2_000);
    pressure.stop();
  });

  it('is over when it is well below the threshold, and not when it is just below', () => {
    const { pressure, refused, late } = scene();
    pressure.start();
    late(300, 10);
    expect(refused()).toEqual(['delay', undefined, undefined]);
    late(230);
    expect(refused()).toEqual(['delay', undefined, undefined]);
    late(220);
    expect(refused()).toEqual(none);
    late(240, 20);
    expect(refused()).toEqual(none);
    pressure.stop();
  });

  it('is the least of the last second and of the sample before that', () => {
    const samples = fc.array(fc.tuple(fc.integer({ min: 1, max: 900 }), fc.nat(500)), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(samples, (steps) => {
        const delay = new StandingDelay();
        const all: { atMs: number; delayMs: number }[] = [];
        let atMs = 0;
        expect(delay.ms).toBe(0);
        for (const [afterMs, delayMs] of steps) {
          atMs += afterMs;
          delay.add(atMs, delayMs);
          all.push({ atMs, delayMs });
          const recent = all.filter((one) => one.atMs > atMs - 1_000);
          const before = all.filter((one) => one.atMs <= atMs - 1_000).slice(-1);
          expect(delay.ms).toBe(Math.min(...[...before, ...recent].map((one) => one.delayMs)));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('memory', () => {
  it.each<[number, (string | undefined)[]]>([
    [0.84, none],
    [0.85, ['memory', undefined, undefined]],
    [0.9, ['memory', 'memory', undefined]],
    [0.95, ['memory', 'memory', 'memory']],
  ])('of which %f is in use refuses by priority: %j', (share, causes) => {
    const { pressure, refused, use } = scene();
    pressure.start();
    use(share);
    expect([refused(), pressure.memoryShare]).toEqual([causes, share]);
    pressure.stop();
  });

  it('is enough again when it is well below the threshold', () => {
    const { pressure, refused, use } = scene();
    pressure.start();
    const low: (string | undefined)[] = [];
    for (const share of [0.85, 0.84, 0.77, 0.76, 0.84]) {
      use(share);
      low.push(refused()[0]);
    }
    expect(low).toEqual(['memory', 'memory', 'memory', undefined, undefined]);
    pressure.stop();
  });

  it('is looked at each 250 ms at the most', () => {
    const { pressure, memory, clock } = scene();
    pressure.start();
    clock.advance(3_000);
    expect(memory.reads).toBe(10);
    pressure.stop();
  });

  it('that is critical is told of once for each time that it was looked at', () => {
    const { pressure, use } = scene();
    const told: string[] = [];
    const ignore = [pressure.onCritical(() => told.push('a')), pressure.onCritical(() => told.push('b'))];
    pressure.start();
    use(0.94);
    expect(told).toEqual([]);
    use(0.95);
    expect(told).toEqual(['a', 'b']);
    ignore[0]?.();
    use(0.99);
    expect(told).toEqual(['a', 'b', 'b']);
    use(0.5);
    expect(told).toHaveLength(3);
    pressure.stop();
  });

  it('is named second when both are short', () => {
    const { pressure, refused, late, memory } = scene();
    memory.share = 0.99;
    pressure.start();
    late(600, 10);
    expect(refused()).toEqual(['delay', 'delay', 'memory']);
    pressure.stop();
  });
});

describe('pressure', () => {
  it('is not looked at before it is started, nor after it is stopped', () => {
    const { pressure, memory, clock, refused, use } = scene();
    use(1);
    expect([memory.reads, refused(), clock.pending]).toEqual([0, none, 0]);
    pressure.start();
    pressure.start();
    expect(clock.pending).toBe(1);
    use(1);
    expect(refused()).toEqual(['memory', 'memory', 'memory']);
    pressure.stop();
    pressure.stop();
    expect([refused(), pressure.delayMs, pressure.memoryShare, clock.pending]).toEqual([none, 0, 0, 0]);
  });

  it('may be stopped by what it tells that memory is critical', () => {
    const { pressure, clock, use, refused } = scene();
    pressure.onCritical(() => pressure.stop());
    pressure.start();
    use(1);
    expect([clock.pending, refused()]).toEqual([0, none]);
  });

  it('knows whether it is to be heeded', () => {
    expect([true, false].map((enabled) => scene({ enabled }).pressure.enabled)).toEqual([true, false]);
  });

  it('never refuses a priority and lets a lower one pass', () => {
    const samples = fc.array(fc.tuple(fc.nat(2_000), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 60 });
    fc.assert(
      fc.property(samples, (steps) => {
        const { pressure, refused, late, memory, clock } = scene();
        pressure.start();
        for (const [ms, share] of steps) {
          memory.share = share;
          late(ms);
          const are = refused().map((cause) => cause !== undefined);
          expect(are).toEqual(are.toSorted((a, b) => Number(b) - Number(a)));
        }
        pressure.stop();
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it.each(priorities)('answers for %s without looking at anything', (priority: Priority) => {
    const { pressure, memory } = scene();
    pressure.start();
    expect(pressure.refuses(priority)).toBeUndefined();
    expect(memory.reads).toBe(0);
    pressure.stop();
  });
});
