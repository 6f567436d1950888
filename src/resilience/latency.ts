import type { Clock } from '../core/clock.ts';
import { SlidingWindow } from './sliding-window.ts';

/** After so long without an answer, half of what an average is above the fastest answer is forgotten. */
const HALF_LIFE_MS = 10_000;

/** After so long without an answer, an average says nothing about now: 1/4096 of it is left. */
const KNOWN_MS = 12 * HALF_LIFE_MS;

/** How long the fastest answer counts. */
const FASTEST_WINDOW_MS = 300_000;
const FASTEST_BUCKETS = 5;

interface Fastest {
  ms: number;
}

const lesser = (leastMs: number, { ms }: Fastest): number => Math.min(leastMs, ms);

/**
 * How fast a target begins to answer: the time to the first token of a stream, or to the whole answer otherwise. In
 * milliseconds.
 *
 * The average is a peak EWMA: a slow answer counts at once and in full, faster ones pull it down as time goes by.
 * Source: Finagle, com.twitter.finagle.loadbalancer.PeakEwma
 * (https://github.com/twitter/finagle, commit 1e8497e, 2026-11-21). There an idle target falls towards 0; here
 * towards its own fastest answer, so that the average stays one of what was seen.
 */
export class Latency {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #fastest = new SlidingWindow<Fastest>(FASTEST_WINDOW_MS, FASTEST_BUCKETS, () => ({
    ms: Number.POSITIVE_INFINITY,
  }));
  #averageMs: number | undefined;
  /** What the average falls towards. */
  #leastMs = 0;
  #atMs = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** An answer began after so long. */
  record(ms: number): void {
    const nowMs = this.#clock.now();
    const fastest = this.#fastest.at(nowMs);
    fastest.ms = Math.min(fastest.ms, ms);
    const averageMs = this.#averageMs ?? 0;
    this.#set(ms >= averageMs ? ms : ms + (averageMs - ms) * this.#remainder(nowMs), nowMs);
  }

  /** There was no answer for so long, and nobody waits for it any more. It counts where it is news. */
  recordAtLeast(ms: number): void {
    if (ms > (this.ewmaMs ?? this.fastestMs ?? 0)) this.#set(ms, this.#clock.now());
  }

  /** The average. Undefined: not known, or not any more, so that only a try can tell. */
  get ewmaMs(): number | undefined {
    const nowMs = this.#clock.now();
    if (this.#averageMs === undefined || nowMs - this.#atMs > KNOWN_MS) return undefined;
    return this.#leastMs + (this.#averageMs - this.#leastMs) * this.#remainder(nowMs);
  }

  /** The fastest answer within the last minutes. Undefined: there was none. */
  get fastestMs(): number | undefined {
    const leastMs = this.#fastest.fold(this.#clock.now(), Number.POSITIVE_INFINITY, lesser);
    return leastMs === Number.POSITIVE_INFINITY ? undefined : leastMs;
  }

  #set(averageMs: number, nowMs: number): void {
    this.#averageMs = averageMs;
    this.#leastMs = Math.min(this.fastestMs ?? averageMs, averageMs);
    this.#atMs = nowMs;
  }

  /** How much of the average is left, from 1 down to 0. */
  #remainder(nowMs: number): number {
    return 0.5 ** ((nowMs - this.#atMs) / HALF_LIFE_MS);
  }
}
