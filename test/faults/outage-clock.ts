import { type Clock, systemClock } from '../../src/core/clock.ts';

/** The machine's time, as far ahead of it as a test says. Timers that wait are not moved. */
export interface ShiftedClock extends Clock {
  /** From now on it is so much later. */
  skip(ms: number): void;
}

export function shiftedClock(): ShiftedClock {
  let aheadMs = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    skip(ms) {
      aheadMs += ms;
    },
  };
}

/** Time that passes so many times as fast as the machine's, so that seconds can be waited for. */
export function fastClock(times: number): Clock {
  return {
    ...systemClock,
    now: () => systemClock.now() * times,
    after: (delayMs, task) => systemClock.after(delayMs / times, task),
  };
}
