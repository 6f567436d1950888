import type { Clock, Timer } from '../../core/clock.ts';
import { StoreError, type StoreFailure } from '../store.ts';

/** Which store decides: the one that replicas share, or the one of this process. */
export type Mode = 'shared' | 'local';

export interface PresenceSettings {
  /** After so many failures in a row the shared store is left alone. One that did not answer in time is enough. */
  readonly failuresToLeave: number;
  /** So many probes in a row must succeed before it is used again. They double each time that it does not stay for long. */
  readonly probesToReturn: number;
  /** Between probes. It doubles with each that fails. */
  readonly probeMs: number;
  readonly maxProbeMs: number;
}

export interface PresenceParts {
  readonly clock: Clock;
  readonly settings: PresenceSettings;
  /** Asks the shared store for something that it does only when all is well. Rejects if it is not. */
  readonly probe: () => Promise<void>;
  /** What is to be done before it is used again. False: it could not be done. */
  readonly beforeReturn: () => Promise<boolean>;
  /** `failure`: the last one, when it goes. */
  readonly changed: (mode: Mode, failure: StoreFailure | undefined) => void;
  readonly failed: (failure: StoreFailure) => void;
}

/** How long a start waits for the shared store, and how often it asks. */
const START_MS = 500;
const START_STEP_MS = 20;
const MAX_DOUBLINGS = 20;
/** One that goes again so soon has not been well. */
const SOON_MS = 60_000;
const MOST_DISTRUST = 5;

/** What went wrong. What is no StoreError is a defect, and no reason to fail either. */
export const failureOf = (error: unknown): StoreFailure => (error instanceof StoreError ? error.failure : 'refused');

/** Knows whether the shared store is there, with some patience in both directions. It begins as not there. */
export class Presence {
  readonly #parts: PresenceParts;
  #mode: Mode = 'local';
  #failures = 0;
  #failuresInARow = 0;
  #probesInARow = 0;
  #probesFailed = 0;
  #cameMs = Number.NEGATIVE_INFINITY;
  /** How often it went soon after it had come, in a row. */
  #distrust = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Calls and probes that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Waits a little for the shared store. Then looks for it by itself. */
  async start(): Promise<void> {
    const untilMs = this.#parts.clock.now() + START_MS;
    do {
      if (await this.#isThere()) return this.#come();
      await this.#wait(START_STEP_MS);
    } while (this.#parts.clock.now() < untilMs && !this.#isClosed);
    this.#parts.failed('unreachable');
    this.#failures++;
    this.#parts.changed('local', 'unreachable');
    this.#schedule();
  }

  worked(): void {
    this.#failuresInARow = 0;
  }

  failed(failure: StoreFailure): void {
    this.#failures++;
    this.#parts.failed(failure);
    this.#failuresInARow++;
    const isEnough = failure === 'timeout' || this.#failuresInARow >= this.#parts.settings.failuresToLeave;
    if (this.#mode === 'local' || !isEnough || this.#isClosed) return;
    this.#mode = 'local';
    this.#probesInARow = 0;
    this.#probesFailed = 0;
    const wentSoon = this.#parts.clock.now() - this.#cameMs < SOON_MS;
    this.#distrust = wentSoon ? Math.min(this.#distrust + 1, MOST_DISTRUST) : 0;
    this.#parts.changed('local', failure);
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      await this.#parts.probe();
      this.#probesFailed = 0;
      this.#probesInARow++;
    } catch (error) {
      this.#miss();
      this.#failures++;
      this.#parts.failed(failureOf(error));
    }
    if (this.#probesInARow >= this.#parts.settings.probesToReturn * 2 ** this.#distrust) {
      if (await this.#parts.beforeReturn()) return this.#come();
      this.#miss();
    }
    this.#schedule();
  }

  #miss(): void {
    this.#probesFailed++;
    this.#probesInARow = 0;
  }

  #come(): void {
    if (this.#isClosed) return;
    this.#mode = 'shared';
    this.#cameMs = this.#parts.clock.now();
    this.#failuresInARow = 0;
    this.#parts.changed('shared', undefined);
  }

  /** By chance between half and all of the time, so that replicas do not ask together. */
  #schedule(): void {
    if (this.#isClosed) return;
    const { clock, settings } = this.#parts;
    const longestMs = Math.min(
      settings.probeMs * 2 ** Math.min(this.#probesFailed, MAX_DOUBLINGS),
      settings.maxProbeMs,
    );
    this.#timer?.cancel();
    this.#timer = clock.after(longestMs * (0.5 + clock.random() / 2), () => void this.#look());
  }

  #isThere(): Promise<boolean> {
    return this.#parts.probe().then(
      () => true,
      () => false,
    );
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(ms, resolve));
  }
}
