/** A timer that was started and can be stopped. Stopping it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/** The only source of time and chance, so that tests own both. */
export interface Clock {
  /** Milliseconds since an arbitrary start. Never goes back; for durations, deadlines and timers. */
  now(): number;
  /** Milliseconds since 1970; for what people and other machines read. */
  wallMs(): number;
  /** A number from 0 up to but not including 1. */
  random(): number;
  /** Runs `task` once after `delayMs`. A delay of 0 or less runs it in the next turn of the event loop. */
  after(delayMs: number, task: () => void): Timer;
}

/** The longest delay a Node timer keeps: beyond it, it would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's time. A timer keeps the process alive until it has run or is cancelled. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};
