import type { Clock } from '../core/clock.ts';
import type { Priority } from '../core/policy.ts';
import type { ConcurrencySettings } from './settings.ts';
import { FairQueue } from './turns/fair-queue.ts';
import { QueueRefusal, type RefusalCause } from './turns/refusal.ts';

/** Gives a turn back. Calling it again does nothing. */
export type Release = () => void;

/** What a call says that waits for a turn. */
export interface Claim {
  readonly priority: Priority;
  /** Calls of one flow get their turns in order, and the flows of one priority take turns. */
  readonly flow: string;
  readonly signal: AbortSignal;
  /** When a turn is of no use any more, by the clock. Infinity: never. */
  readonly untilMs: number;
}

interface Waiter {
  granted(release: Release): void;
  refused(reason: unknown): void;
}

/** The average is over about so many of the turns that ended last. */
const AVERAGED_TURNS = 16;

/** Bounds of what a refused caller is told to wait. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/**
 * Lets a bounded number of calls go at once, and a bounded number wait. No turn is free while a call waits: one that is
 * given back goes to the next waiter at once.
 *
 * A full queue refuses a call, unless another can better be done without: one of a lower priority, or of a flow of
 * which more wait, so that a flow that asks too often keeps itself out and nobody else. A call that would not get its
 * turn in time is refused at once, by the time that turns have taken lately.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #queue = new FairQueue<Waiter>();
  #settings: ConcurrencySettings;
  #active = 0;
  /** How long a turn is held, on average. */
  #heldMs = 0;
  #measured = 0;

  /** Of the settings, `max` is at least 1. */
  constructor(settings: ConcurrencySettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Calls that have a turn. More than `max` only after that was lowered. */
  get active(): number {
    return this.#active;
  }

  /** Calls that wait for one. */
  get queued(): number {
    return this.#queue.size;
  }

  /** A turn, if one is free. */
  tryTake(): Release | undefined {
    return this.#active < this.#settings.max ? this.#take() : undefined;
  }

  /**
   * A turn, when it comes. Errors: QueueRefusal. Aborts: rejects with the signal's reason, and neither holds a turn nor
   * waits any more.
   */
  wait(claim: Claim): Promise<Release> {
    const { priority, flow, signal } = claim;
    if (signal.aborted) return Promise.reject(signal.reason);
    const release = this.tryTake();
    if (release) return Promise.resolve(release);
    const [leftMs, cause] = this.#patience(claim);
    if (this.#expectedMs(this.#queue.ahead(priority, flow) + 1) >= leftMs) return Promise.reject(this.#refusal(cause));
    if (!this.#makeRoom(claim)) return Promise.reject(this.#refusal('full'));
    return new Promise((resolve, reject) => this.#enter(claim, leftMs, cause, resolve, reject));
  }

  /** Changes the bounds. Calls that have a turn keep it, and those that wait go on waiting. */
  resize(settings: ConcurrencySettings): void {
    this.#settings = settings;
    this.#handOn();
  }

  /** How long a call may wait, and why it is refused after that. */
  #patience({ untilMs }: Claim): [leftMs: number, cause: RefusalCause] {
    const { maxWaitMs } = this.#settings;
    const leftMs = untilMs - this.#clock.now();
    return leftMs < maxWaitMs ? [leftMs, 'too_late'] : [maxWaitMs, 'too_long'];
  }

  /** In about how much time so many more turns are given. */
  #expectedMs(turns: number): number {
    const { max } = this.#settings;
    return this.#heldMs * ((this.#active - max) / this.#active + turns / max);
  }

  /** By the time that all who wait now need. */
  #refusal(cause: RefusalCause): QueueRefusal {
    const expectedMs = Math.round(this.#expectedMs(this.queued + 1));
    return new QueueRefusal(cause, Math.min(Math.max(expectedMs, MIN_RETRY_MS), MAX_RETRY_MS));
  }

  /** Whether there is room in the queue, if need be after another had to leave it. */
  #makeRoom({ priority, flow }: Claim): boolean {
    if (this.queued < this.#settings.maxQueued) return true;
    const displaced = this.#queue.displace(priority, flow);
    displaced?.refused(this.#refusal('full'));
    return displaced !== undefined;
  }

  #enter(
    { priority, flow, signal }: Claim,
    leftMs: number,
    cause: RefusalCause,
    resolve: (release: Release) => void,
    reject: (reason: unknown) => void,
  ): void {
    const leave = (reason: unknown) => {
      this.#queue.remove(place);
      waiter.refused(reason);
    };
    const onAbort = () => leave(signal.reason);
    const timer = this.#clock.after(leftMs, () => leave(this.#refusal(cause)));
    const over = () => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const waiter: Waiter = {
      granted(release) {
        over();
        resolve(release);
      },
      refused(reason) {
        over();
        reject(reason);
      },
    };
    const place = this.#queue.add(waiter, priority, flow);
    signal.addEventListener('abort', onAbort, { once: true });
  }

  #handOn(): void {
    while (this.#active < this.#settings.max) {
      const waiter = this.#queue.next();
      if (!waiter) return;
      waiter.granted(this.#take());
    }
  }

  #take(): Release {
    this.#active++;
    const sinceMs = this.#clock.now();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#active--;
      this.#measure(this.#clock.now() - sinceMs);
      this.#handOn();
    };
  }

  #measure(heldMs: number): void {
    if (this.#measured < AVERAGED_TURNS) this.#measured++;
    this.#heldMs += (heldMs - this.#heldMs) / this.#measured;
  }
}
