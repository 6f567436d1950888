import type { Clock, Timer } from '../core/clock.ts';
import { type Priority, priorities } from '../core/policy.ts';
import { StandingDelay } from './pressure/standing-delay.ts';
import type { SheddingSettings, Thresholds } from './settings.ts';

/** What the process is short of. */
export type Shortage = 'delay' | 'memory';

/** How often the event loop is looked at. */
const SAMPLE_MS = 100;

/** How often memory is looked at, at the most: reading it costs some tens of microseconds. */
const MEMORY_MS = 250;

/** What was short is so no more when it is below this share of its threshold, so that calls are not refused by turns. */
const RELIEF = 0.9;

/** From a threshold on it is on, until the value is well below. */
class Gate {
  readonly #threshold: number;
  #isOn = false;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  isOn(value: number): boolean {
    this.#isOn = value >= (this.#isOn ? RELIEF * this.#threshold : this.#threshold);
    return this.#isOn;
  }
}

type Gates = Readonly<Record<Priority, Gate>>;

const gatesOf = ({ low, normal, high }: Thresholds): Gates => ({
  low: new Gate(low),
  normal: new Gate(normal),
  high: new Gate(high),
});

/**
 * How short the process is of time and memory, looked at while it is started. Time: by how much a timer is late, which
 * everything else on the event loop is then as well, if that lasts. Memory: what `memoryShare` gives.
 */
export class Pressure {
  readonly enabled: boolean;
  readonly #clock: Clock;
  readonly #memoryShare: () => number;
  readonly #criticalShare: number;
  readonly #delayGates: Gates;
  readonly #memoryGates: Gates;
  readonly #delay = new StandingDelay();
  readonly #refused: Record<Priority, Shortage | undefined> = { low: undefined, normal: undefined, high: undefined };
  readonly #watchers = new Set<() => void>();
  #share = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /** `memoryShare` gives the share of the memory that is in use, from 0 to 1. */
  constructor(settings: SheddingSettings, clock: Clock, memoryShare: () => number) {
    this.enabled = settings.enabled;
    this.#clock = clock;
    this.#memoryShare = memoryShare;
    this.#criticalShare = settings.memoryCritical;
    this.#delayGates = gatesOf(settings.delayMs);
    this.#memoryGates = gatesOf(settings.memory);
  }

  /** By how much the event loop is late, lastingly. */
  get delayMs(): number {
    return this.#delay.ms;
  }

  /** The share of the memory that was in use lately, from 0 to 1. */
  get memoryShare(): number {
    return this.#share;
  }

  /** Why a call of this priority is to be refused now. Undefined: it is not. */
  refuses(priority: Priority): Shortage | undefined {
    return this.#refused[priority];
  }

  /** Has `task` run each time that memory was looked at and is critical, until the function it gives is called. */
  onCritical(task: () => void): () => void {
    this.#watchers.add(task);
    return () => this.#watchers.delete(task);
  }

  /** Begins to look. `stop` must follow. */
  start(): void {
    if (this.#timer) return;
    this.#delay.add(this.#clock.now(), 0);
    this.#arm();
  }

  /** Ends it. Nothing is refused any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#delay.clear();
    this.#share = 0;
    for (const priority of priorities) this.#refused[priority] = undefined;
  }

  #arm(): void {
    const dueMs = this.#clock.now() + SAMPLE_MS;
    this.#timer = this.#clock.after(SAMPLE_MS, () => {
      this.#arm();
      this.#sample(dueMs);
    });
  }

  #sample(dueMs: number): void {
    const nowMs = this.#clock.now();
    this.#delay.add(nowMs, Math.max(nowMs - dueMs, 0));
    const { ms } = this.#delay;
    const isRead = nowMs - this.#readAtMs >= MEMORY_MS;
    if (isRead) {
      this.#readAtMs = nowMs;
      this.#share = this.#memoryShare();
    }
    for (const priority of priorities) {
      const isLate = this.#delayGates[priority].isOn(ms);
      const isFull = this.#memoryGates[priority].isOn(this.#share);
      this.#refused[priority] = isLate ? 'delay' : isFull ? 'memory' : undefined;
    }
    if (isRead && this.#share >= this.#criticalShare) for (const task of this.#watchers) task();
  }
}
