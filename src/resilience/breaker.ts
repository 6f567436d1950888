import type { Clock } from '../core/clock.ts';
import type { ErrorKind } from '../core/errors.ts';
import { type EndedCalls, FailureRate } from './failure-rate.ts';
import type { BreakerSettings } from './settings.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

/** Is told of each change, with the last failure. It must not throw. */
export type OnBreakerChange = (state: BreakerState, lastFailure: ErrorKind | undefined) => void;

/**
 * A call's leave to go through a breaker, and what came of it. While the breaker is not closed a pass takes a place,
 * which it gives back once, with whatever comes first.
 */
export interface Pass {
  /** The provider answers. For a stream: at its first token. */
  succeeded(): void;
  /** The provider has failed. After `succeeded`: a stream broke off. */
  failed(kind: ErrorKind): void;
  /** The call is over, and if nothing was said of the provider before, it says nothing. */
  left(): void;
}

/** Times in a row beyond which the time to stay open does not double any more. */
const MAX_DOUBLINGS = 30;

/** By how much the time to stay open is shortened, at the most, so that replicas do not all probe at once. */
const JITTER = 0.1;

/** How soon to look again where all places of a half-open breaker are taken: when one is free is not known. */
const PLACES_TAKEN_MS = 1_000;

/**
 * Keeps calls from a target that keeps failing, and finds out when it works again.
 *
 * Closed: all calls go through. Open: none does, but for one at a time where nothing else is left, so that a
 * target is passed over and never lost, and recovery is noticed at once. Half open: a few at once. How calls end
 * that began before it opened says nothing about now, and does not count.
 */
export class Breaker {
  readonly #clock: Pick<Clock, 'now' | 'random'>;
  readonly #onChange: OnBreakerChange;
  #settings: BreakerSettings;
  #state: BreakerState = 'closed';
  #rate: FailureRate;
  #failuresInRow = 0;
  #successesInRow = 0;
  #lastFailure: ErrorKind | undefined;
  /** How often it has opened without having been closed for long. */
  #openedInRow = 0;
  /** How often it has opened at all: a pass from before does not count. */
  #opened = 0;
  #untilMs = 0;
  #closedAtMs = 0;
  /** Places taken, also by passes from before it opened again. */
  #taken = 0;

  constructor(settings: BreakerSettings, clock: Pick<Clock, 'now' | 'random'>, onChange: OnBreakerChange) {
    this.#settings = settings;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#rate = new FailureRate(settings.windowMs);
  }

  get state(): BreakerState {
    return this.#state === 'open' && this.#clock.now() >= this.#untilMs ? 'half_open' : this.#state;
  }

  /** Whether a call may go through that could go elsewhere. */
  get admits(): boolean {
    return this.#taken < this.#places(false);
  }

  /** How long until a call may go through that could go elsewhere, in milliseconds. 0: it may now. */
  get retryInMs(): number {
    if (this.admits) return 0;
    return this.state === 'open' ? this.#untilMs - this.#clock.now() : PLACES_TAKEN_MS;
  }

  /** Lets a call through, or not: undefined. `isLast`: it can go nowhere else. */
  enter(isLast: boolean): Pass | undefined {
    this.#halfOpenInTime();
    if (this.#taken >= this.#places(isLast)) return undefined;
    return this.#pass(this.#state !== 'closed');
  }

  /** Takes on other settings. The state stays, but for a breaker that is switched off: it closes. */
  reconfigure(settings: BreakerSettings): void {
    if (settings.windowMs !== this.#settings.windowMs) this.#rate = new FailureRate(settings.windowMs);
    this.#settings = settings;
    this.#untilMs = Math.min(this.#untilMs, this.#clock.now() + settings.maxOpenMs);
    if (!settings.enabled && this.#state !== 'closed') this.#close();
  }

  /** How many calls may be under way, not counting those that began while it was closed. */
  #places(isLast: boolean): number {
    const { state } = this;
    if (state === 'closed') return Number.POSITIVE_INFINITY;
    if (state === 'half_open') return this.#settings.probes;
    return isLast ? 1 : 0;
  }

  #pass(takesPlace: boolean): Pass {
    const opened = this.#opened;
    let stage: 'begun' | 'answered' | 'over' = 'begun';
    let asSuccess: EndedCalls | undefined;
    if (takesPlace) this.#taken++;
    const reach = (next: 'answered' | 'over') => {
      if (stage === 'begun' && takesPlace) this.#taken--;
      stage = next;
    };
    return {
      succeeded: () => {
        if (stage !== 'begun') return;
        reach('answered');
        if (opened === this.#opened) asSuccess = this.#succeeded();
      },
      failed: (kind) => {
        if (stage === 'over') return;
        reach('over');
        if (opened === this.#opened) this.#failed(kind, asSuccess);
      },
      left: () => reach('over'),
    };
  }

  #succeeded(): EndedCalls | undefined {
    if (this.#state === 'closed') {
      this.#failuresInRow = 0;
      return this.#rate.succeeded(this.#clock.now());
    }
    this.#successesInRow++;
    if (this.#successesInRow >= this.#settings.probes) this.#close();
    else if (this.#state === 'open') this.#change('half_open');
    return undefined;
  }

  #failed(kind: ErrorKind, asSuccess: EndedCalls | undefined): void {
    this.#lastFailure = kind;
    this.#halfOpenInTime();
    if (this.#state === 'half_open') this.#open();
    if (this.#state === 'open') return;
    this.#failuresInRow++;
    this.#rate.failed(this.#clock.now(), asSuccess);
    if (this.#settings.enabled && this.#hasFailedTooOften()) this.#open();
  }

  #hasFailedTooOften(): boolean {
    const { consecutiveFailures, failureRate, minCalls } = this.#settings;
    if (this.#failuresInRow >= consecutiveFailures) return true;
    return this.#rate.reaches(failureRate, minCalls, this.#clock.now());
  }

  /** There is no timer: that the time is up is noticed when it matters. */
  #halfOpenInTime(): void {
    const { state } = this;
    if (state !== this.#state) this.#change(state);
  }

  #open(): void {
    const { openMs, maxOpenMs } = this.#settings;
    const nowMs = this.#clock.now();
    if (this.#state === 'closed' && nowMs - this.#closedAtMs >= maxOpenMs) this.#openedInRow = 0;
    const lengthMs = Math.min(openMs * 2 ** Math.min(this.#openedInRow, MAX_DOUBLINGS), maxOpenMs);
    this.#untilMs = nowMs + lengthMs * (1 - JITTER * this.#clock.random());
    this.#openedInRow++;
    this.#opened++;
    this.#successesInRow = 0;
    this.#change('open');
  }

  #close(): void {
    this.#closedAtMs = this.#clock.now();
    this.#failuresInRow = 0;
    this.#rate = new FailureRate(this.#settings.windowMs);
    this.#change('closed');
  }

  #change(state: BreakerState): void {
    this.#state = state;
    this.#onChange(state, this.#lastFailure);
  }
}
