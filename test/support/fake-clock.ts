import type { Clock } from '../../src/core/clock.ts';

export interface FakeClock extends Clock {
  /** Moves time on and runs what falls due, in order. */
  advance(ms: number): void;
  /** Timers that wait. */
  readonly pending: number;
  /** What `random` gives next; the last value stays. */
  chances: number[];
}

/** Time that stands still until a test moves it. Starts at 1,000 ms. */
export function fakeClock(): FakeClock {
  let now = 1_000;
  const timers = new Set<{ dueMs: number; task: () => void }>();
  const next = (untilMs: number) =>
    [...timers].filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
  return {
    chances: [0],
    now: () => now,
    wallMs: () => 1_700_000_000_000 + now,
    random() {
      return (this.chances.length > 1 ? this.chances.shift() : this.chances[0]) ?? 0;
    },
    after(delayMs, task) {
      const timer = { dueMs: now + Math.max(delayMs, 0), task };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    advance(ms) {
      const untilMs = now + ms;
      for (let timer = next(untilMs); timer; timer = next(untilMs)) {
        now = Math.max(now, timer.dueMs);
        timers.delete(timer);
        timer.task();
      }
      now = untilMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
