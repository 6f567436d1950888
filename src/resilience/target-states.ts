import type { Clock } from '../core/clock.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import type { BreakerSettings } from './settings.ts';
import { TargetState } from './target-state.ts';

/** Ids of models are written by callers, so that there may be any number of them. */
const MAX_TARGETS = 1_000;

/** What is known of all targets that were called lately. */
export class TargetStates {
  readonly #clock: Pick<Clock, 'now' | 'random'>;
  readonly #tell: Tell;
  #settings: BreakerSettings;
  /** The least recently used first. */
  readonly #states = new Map<string, TargetState>();

  constructor(settings: BreakerSettings, clock: Pick<Clock, 'now' | 'random'>, tell: Tell) {
    this.#settings = settings;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The state of a target, from now on the most recently used. The least recently used one without calls makes room. */
  of(target: Target): TargetState {
    const key = `${target.provider}/${target.model}`;
    const known = this.#states.get(key);
    if (known) this.#states.delete(key);
    const state = known ?? this.#create(target);
    if (this.#hasRoom()) this.#states.set(key, state);
    return state;
  }

  /** Those known of a provider, ordered by the model's id. */
  at(provider: string): TargetState[] {
    return [...this.#states.values()]
      .filter(({ target }) => target.provider === provider)
      .sort((a, b) => (a.target.model < b.target.model ? -1 : 1));
  }

  /** Nothing of what is known of a provider holds any more. Calls that are with it go on. */
  forget(provider: string): void {
    for (const [key, { target }] of this.#states) if (target.provider === provider) this.#states.delete(key);
  }

  /** Takes on other settings for the breakers; what is known stays. */
  reconfigure(settings: BreakerSettings): void {
    this.#settings = settings;
    for (const { breaker } of this.#states.values()) breaker.reconfigure(settings);
  }

  #create({ provider, model }: Target): TargetState {
    const target = { provider, model };
    return new TargetState(target, this.#settings, this.#clock, (state, reason) =>
      this.#tell({ type: 'breaker', target, state, reason }),
    );
  }

  /** False: every one that is known has calls. Then a new one is known only to the call that it is for. */
  #hasRoom(): boolean {
    if (this.#states.size < MAX_TARGETS) return true;
    for (const [key, { active }] of this.#states) if (active === 0) return this.#states.delete(key);
    return false;
  }
}
