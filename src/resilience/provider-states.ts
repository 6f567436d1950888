import type { Clock } from '../core/clock.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import type { Availability } from './availability.ts';
import { ProbeState } from './probe-state.ts';
import { RetryBudget } from './retry-budget.ts';
import type { BreakerSettings, ConcurrencySettings, ProbeSettings, RetrySettings } from './settings.ts';
import { TargetStates } from './target-states.ts';
import { Turns } from './turns.ts';

/** What all calls to one provider share. */
export interface ProviderState {
  readonly turns: Turns;
  readonly budget: RetryBudget;
  readonly probe: ProbeState;
}

export interface ResilienceSettings {
  readonly breaker: BreakerSettings;
  readonly retry: RetrySettings;
  readonly concurrency: ConcurrencySettings;
  readonly probes: ProbeSettings;
  /** Those that are on. */
  readonly providers: readonly { readonly name: string; readonly maxConcurrency: number | undefined }[];
}

/** What is known of providers and their models, and what their calls share. It outlives a configuration. */
export class ProviderStates {
  readonly targets: TargetStates;
  readonly #clock: Clock;
  readonly #tell: Tell;
  readonly #byName = new Map<string, ProviderState>();

  constructor(settings: ResilienceSettings, clock: Clock, tell: Tell) {
    this.#clock = clock;
    this.#tell = tell;
    this.targets = new TargetStates(settings.breaker, clock, tell);
    this.reconfigure(settings);
  }

  /** Undefined: it is not configured. */
  of(provider: string): ProviderState | undefined {
    return this.#byName.get(provider);
  }

  availability(target: Target): Availability {
    if (this.of(target.provider)?.probe.works === false) return 'unhealthy';
    return this.targets.of(target).availability();
  }

  /** Takes over other settings. What is known of providers that stay is kept. */
  reconfigure(settings: ResilienceSettings): void {
    this.targets.reconfigure(settings.breaker);
    for (const provider of settings.providers) this.#settle(provider, settings);
    const on = new Set(settings.providers.map(({ name }) => name));
    for (const name of this.#byName.keys()) if (!on.has(name)) this.#byName.delete(name);
  }

  #settle({ name, maxConcurrency }: ResilienceSettings['providers'][number], settings: ResilienceSettings): void {
    const { retry, concurrency, probes } = settings;
    const turns = { ...concurrency, max: maxConcurrency ?? concurrency.max };
    const known = this.#byName.get(name);
    known?.turns.resize(turns);
    known?.budget.reconfigure(retry);
    known?.probe.reconfigure(probes.failures);
    if (known) return;
    const probe = new ProbeState(name, { failures: probes.failures, clock: this.#clock, tell: this.#tell });
    this.#byName.set(name, { turns: new Turns(turns, this.#clock), budget: new RetryBudget(retry), probe });
  }
}
