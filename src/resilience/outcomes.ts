import type { Clock } from '../core/clock.ts';
import type { ErrorKind } from '../core/errors.ts';
import { SlidingWindow } from './sliding-window.ts';

const WINDOW_MS = 60_000;
const BUCKETS = 12;

/**
 * Durations are counted in cells, each of which begins a fifth above the one before, from 1 ms to 1 hour. Taking the
 * geometric middle of a cell for what is in it is wrong by at most the root of 1.2: less than 10 percent.
 */
const STEP = 1.2;
const LONGEST_MS = 3_600_000;
const CELLS = Math.ceil(Math.log(LONGEST_MS) / Math.log(STEP));
const CELLS_PER_LOG = 1 / Math.log(STEP);

function cellOf(durationMs: number): number {
  const cell = Math.floor(Math.log(durationMs) * CELLS_PER_LOG);
  return Math.min(Math.max(cell, 0), CELLS - 1);
}

const middleMs = (cell: number): number => STEP ** (cell + 0.5);

/** Tries, and how they ended. */
class Tally {
  calls = 0;
  failures = 0;
  /** How many successes took how long, by cell. */
  readonly durations = new Uint32Array(CELLS);

  count(cell: number, times: number): void {
    this.durations[cell] = (this.durations[cell] ?? 0) + times;
  }

  add(other: Tally): this {
    this.calls += other.calls;
    this.failures += other.failures;
    for (let cell = 0; cell < CELLS; cell++) this.count(cell, other.durations[cell] ?? 0);
    return this;
  }

  /** The least duration that this share of the successes did not exceed. Undefined: there were none. */
  percentileMs(share: number): number | undefined {
    const successes = this.durations.reduce((sum, times) => sum + times, 0);
    if (successes === 0) return undefined;
    let left = Math.ceil(share * successes);
    const cell = this.durations.findIndex((times) => {
      left -= times;
      return left <= 0;
    });
    return middleMs(cell);
  }
}

export interface LastFailure {
  readonly kind: ErrorKind;
  /** By the clock. */
  readonly atMs: number;
}

/** What has become of the tries of a window, in milliseconds where it is a time. */
export interface OutcomeSummary {
  readonly calls: number;
  /** Those that failed at the provider. */
  readonly failures: number;
  /** From 0 to 1. Undefined: there were no calls. */
  readonly errorRate: number | undefined;
  /** Half of those that succeeded were not slower. Wrong by less than 10 percent, from 1 ms to 1 hour. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  /** The last failure of all, however long ago. */
  readonly lastFailure: LastFailure | undefined;
}

/** How the tries at one target ended lately. About 5 kB at the most. */
export class Outcomes {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #window: SlidingWindow<Tally>;
  #lastFailure: LastFailure | undefined;

  /** `windowMs`: how far back it looks, a minute by default. */
  constructor(clock: Pick<Clock, 'now'>, windowMs = WINDOW_MS) {
    this.#clock = clock;
    this.#window = new SlidingWindow(windowMs, BUCKETS, () => new Tally());
  }

  succeeded(durationMs: number): void {
    const tally = this.#window.at(this.#clock.now());
    tally.calls++;
    tally.count(cellOf(durationMs), 1);
  }

  /** The provider has answered, that the caller is at fault. */
  answered(): void {
    this.#window.at(this.#clock.now()).calls++;
  }

  failed(kind: ErrorKind): void {
    const nowMs = this.#clock.now();
    const tally = this.#window.at(nowMs);
    tally.calls++;
    tally.failures++;
    this.#lastFailure = { kind, atMs: nowMs };
  }

  /** How many tries there were. Much cheaper than a summary. */
  get calls(): number {
    return this.#window.fold(this.#clock.now(), 0, (sum, { calls }) => sum + calls);
  }

  /** What has become of the tries at several targets together. */
  static summary(all: Iterable<Outcomes>): OutcomeSummary {
    const total = new Tally();
    let lastFailure: LastFailure | undefined;
    for (const outcomes of all) {
      outcomes.#window.fold(outcomes.#clock.now(), total, (sum, tally) => sum.add(tally));
      const last = outcomes.#lastFailure;
      if (last && !(lastFailure && lastFailure.atMs > last.atMs)) lastFailure = last;
    }
    const { calls, failures } = total;
    return {
      calls,
      failures,
      errorRate: calls === 0 ? undefined : failures / calls,
      p50Ms: total.percentileMs(0.5),
      p95Ms: total.percentileMs(0.95),
      lastFailure,
    };
  }
}
