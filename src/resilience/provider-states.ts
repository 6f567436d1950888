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
  readonly providers: readonly ProviderPlace[];
}

interface ProviderPlace {
  readonly name: string;
  readonly maxConcurrency: number | undefined;
  /** What is known of a provider is known of this place. */
  readonly baseUrl?: URL | undefined;
}

interface Known extends ProviderState {
  readonly address: string | undefined;
}

/** What is known of providers and their models, and what their calls share. It outlives a configuration. */
export class ProviderStates {
  readonly targets: TargetStates;
  readonly #clock: Clock;
  readonly #tell: Tell;
  readonly #byName = new Map<string, Known>();

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

  /** Takes over other settings. What is known of providers that stay where they are is kept. */
  reconfigure(settings: ResilienceSettings): void {
    this.targets.reconfigure(settings.breaker);
    const places = new Map(settings.providers.map(({ name, baseUrl }) => [name, baseUrl?.href]));
    for (const [name, { address }] of this.#byName)
      if (!places.has(name) || places.get(name) !== address) this.#forget(name);
    for (const provider of settings.providers) this.#settle(provider, settings);
  }

  #forget(name: string): void {
    this.#byName.delete(name);
    this.targets.forget(name);
  }

  #settle({ name, maxConcurrency, baseUrl }: ProviderPlace, settings: ResilienceSettings): void {
    const { retry, concurrency, probes } = settings;
    const turns = { ...concurrency, max: maxConcurrency ?? concurrency.max };
    const known = this.#byName.get(name);
    known?.turns.resize(turns);
    known?.budget.reconfigure(retry);
    known?.probe.reconfigure(probes.failures);
    if (known) return;
    this.#byName.set(name, {
      address: baseUrl?.href,
      turns: new Turns(turns, this.#clock),
      budget: new RetryBudget(retry),
      probe: new ProbeState(name, { failures: probes.failures, clock: this.#clock, tell: this.#tell }),
    });
  }
}
