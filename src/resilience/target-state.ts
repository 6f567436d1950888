import type { Clock } from '../core/clock.ts';
import type { Target } from '../core/target.ts';
import type { Availability } from './availability.ts';
import { Breaker, type OnBreakerChange } from './breaker.ts';
import { Latency } from './latency.ts';
import { Outcomes } from './outcomes.ts';
import type { BreakerSettings } from './settings.ts';

/** The longest that a target is left alone, whatever its provider asks for. */
const MAX_COOLING_MS = 3_600_000;

/** What is known of one target from the calls that went to it. */
export class TargetState {
  readonly target: Target;
  readonly breaker: Breaker;
  readonly outcomes: Outcomes;
  readonly latency: Latency;
  readonly #clock: Pick<Clock, 'now'>;
  #active = 0;
  #coolUntilMs = 0;
  #coolings = 0;

  constructor(
    target: Target,
    settings: BreakerSettings,
    clock: Pick<Clock, 'now' | 'random'>,
    onChange: OnBreakerChange,
  ) {
    this.target = target;
    this.breaker = new Breaker(settings, clock, onChange);
    this.outcomes = new Outcomes(clock);
    this.latency = new Latency(clock);
    this.#clock = clock;
  }

  /** Calls that are with it now. */
  get active(): number {
    return this.#active;
  }

  started(): void {
    this.#active++;
  }

  ended(): void {
    this.#active--;
  }

  /** It is to be passed over for so long, in milliseconds: at most an hour, and never for less than before. */
  cool(ms: number): void {
    if (!(ms > 0)) return;
    this.#coolings++;
    this.#coolUntilMs = Math.max(this.#coolUntilMs, this.#clock.now() + Math.min(ms, MAX_COOLING_MS));
  }

  /** How often it was to be passed over so far. */
  get coolings(): number {
    return this.#coolings;
  }

  /** It has taken a call that began after so many coolings: if none came since, it need not be passed over. */
  warmed(coolings: number): void {
    if (coolings === this.#coolings) this.#coolUntilMs = 0;
  }

  availability(): Availability {
    if (!this.breaker.admits) return 'open';
    return this.#coolingMs > 0 ? 'cooling' : 'ready';
  }

  /** When it can be called again, at the latest, in milliseconds. 0: now. */
  get retryInMs(): number {
    return Math.max(this.breaker.retryInMs, this.#coolingMs);
  }

  /** Not above 0: it has cooled. */
  get #coolingMs(): number {
    return this.#coolUntilMs - this.#clock.now();
  }
}
