import { type Clock, systemClock } from '../../src/core/clock.ts';

/** The machine's time, and what waits for it. */
export interface CountingClock extends Clock {
  /** Timers that have neither run nor been cancelled. */
  readonly pending: number;
  /** How long each of them was asked to wait, in milliseconds: tells which ones they are. */
  readonly delays: readonly number[];
}

/** `random`: instead of the machine's chance. */
export function countingClock(random: () => number = systemClock.random): CountingClock {
  const waiting = new Map<object, number>();
  return {
    now: systemClock.now,
    wallMs: systemClock.wallMs,
    random,
    after(delayMs, task) {
      const key = {};
      waiting.set(key, delayMs);
      const timer = systemClock.after(delayMs, () => {
        waiting.delete(key);
        task();
      });
      return {
        cancel() {
          waiting.delete(key);
          timer.cancel();
        },
      };
    },
    get pending() {
      return waiting.size;
    },
    get delays() {
      return [...waiting.values()];
    },
  };
}
