import type { Attributes } from '@opentelemetry/api';
import type { ErrorKind, GrpcCode } from '../core/errors.ts';
import type { News } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import {
  type Counter,
  CounterFamily,
  DURATION_SECONDS,
  type Histogram,
  HistogramFamily,
  NANO,
  OTHER,
} from './instruments.ts';
import { statusName } from './status.ts';

const OVERHEAD_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

const NO_TARGET = 'none';
const NO_ERROR = 'none';

type TokenType = 'input' | 'output' | 'cached_input' | 'cache_write' | 'reasoning';

type Families = ReturnType<typeof newFamilies>;

/** The metrics of calls. */
export function newFamilies() {
  const counter = (name: string, help: string) => new CounterFamily({ name, help });
  const histogram = (name: string, help: string, boundaries: readonly number[]) =>
    new HistogramFamily({ name, help, unit: 'seconds' }, boundaries);
  return {
    requests: counter('llm_requests_total', 'Calls that are over, refused ones too.'),
    duration: histogram('llm_request_duration_seconds', 'From the arrival of a call to its end.', DURATION_SECONDS),
    firstToken: histogram(
      'llm_time_to_first_token_seconds',
      'From the arrival of a streaming call to its first piece of content.',
      DURATION_SECONDS,
    ),
    overhead: histogram(
      'llm_gateway_overhead_seconds',
      'Time of a call in the gateway itself, without waiting for a provider or for a turn.',
      OVERHEAD_SECONDS,
    ),
    tokens: counter(
      'llm_tokens_total',
      'Tokens. cached_input and cache_write are parts of input, reasoning is a part of output: never add them.',
    ),
    cost: new CounterFamily(
      { name: 'llm_cost_usd_total', help: 'What calls cost, in US dollars. Without those that have no price.' },
      { countedPerShown: NANO },
    ),
    promptCacheSaved: new CounterFamily(
      {
        name: 'llm_prompt_cache_saved_usd_total',
        help: "What input cost less since it came from providers' prompt caches, in US dollars.",
      },
      { countedPerShown: NANO },
    ),
    promptCacheSurcharge: new CounterFamily(
      {
        name: 'llm_prompt_cache_surcharge_usd_total',
        help: "What input cost more since it was written to providers' prompt caches, in US dollars.",
      },
      { countedPerShown: NANO },
    ),
    unpriced: counter(
      'llm_unpriced_calls_total',
      'Calls that cost something unknown: there is no price for the model.',
    ),
    errors: counter('llm_errors_total', 'Calls that failed, by the kind of error.'),
    attempts: counter(
      'llm_attempts_total',
      'Tries at a provider that are over, by the kind of error; "none" for those that succeeded.',
    ),
    active: new CounterFamily(
      { name: 'llm_active_requests', help: 'Calls that are with a provider now.' },
      { isMonotonic: false },
    ),
    violations: counter('llm_governance_violations_total', 'Calls that governance refused.'),
    overflow: counter(
      'llm_metrics_overflow_total',
      'Calls counted as "other" since there were already too many models with labels of their own.',
    ),
  };
}

interface StatusSeries {
  readonly requests: Counter;
  readonly duration: Histogram;
}

/** The series of one model at one provider. Those with one more label are made when they are first needed. */
export class TargetSeries {
  readonly #families: Families;
  readonly #labels: Attributes;
  readonly #byStatus = new Map<GrpcCode | undefined, StatusSeries>();
  readonly #tokens = new Map<TokenType, Counter>();
  readonly #errors = new Map<ErrorKind, Counter>();
  readonly #attempts = new Map<ErrorKind | undefined, Counter>();
  #firstToken: Histogram | undefined;
  #overhead: Histogram | undefined;
  #violations: Counter | undefined;
  #cost: Counter | undefined;
  #unpriced: Counter | undefined;
  #saved: Counter | undefined;
  #surcharge: Counter | undefined;

  constructor(families: Families, provider: string, model: string) {
    this.#families = families;
    this.#labels = { provider, model };
  }

  get firstToken(): Histogram {
    this.#firstToken ??= this.#families.firstToken.series(this.#labels);
    return this.#firstToken;
  }

  get overhead(): Histogram {
    this.#overhead ??= this.#families.overhead.series(this.#labels);
    return this.#overhead;
  }

  get cost(): Counter {
    this.#cost ??= this.#families.cost.series(this.#labels);
    return this.#cost;
  }

  get unpriced(): Counter {
    this.#unpriced ??= this.#families.unpriced.series(this.#labels);
    return this.#unpriced;
  }

  /** An answer used the provider's prompt cache. */
  promptCache({ savedNanoUsd, surchargeNanoUsd }: Extract<News, { type: 'prompt_cache' }>): void {
    this.#saved ??= this.#families.promptCacheSaved.series(this.#labels);
    this.#surcharge ??= this.#families.promptCacheSurcharge.series(this.#labels);
    this.#saved.value += Number(savedNanoUsd);
    this.#surcharge.value += Number(surchargeNanoUsd);
  }

  get violations(): Counter {
    this.#violations ??= this.#families.violations.series({ ...this.#labels, reason: 'model_not_allowed' });
    return this.#violations;
  }

  status(code: GrpcCode | undefined): StatusSeries {
    return found(this.#byStatus, code, () => {
      const labels = { ...this.#labels, status: statusName(code) };
      return { requests: this.#families.requests.series(labels), duration: this.#families.duration.series(labels) };
    });
  }

  tokens(type: TokenType): Counter {
    return found(this.#tokens, type, () => this.#families.tokens.series({ ...this.#labels, token_type: type }));
  }

  errors(kind: ErrorKind): Counter {
    return found(this.#errors, kind, () => this.#families.errors.series({ ...this.#labels, error_type: kind }));
  }

  /** Undefined: they succeeded. */
  attempts(kind: ErrorKind | undefined): Counter {
    const labels = { ...this.#labels, error_type: kind ?? NO_ERROR };
    return found(this.#attempts, kind, () => this.#families.attempts.series(labels));
  }
}

/** Finds the series of a target. What is not known shares those of `other`. */
export class SeriesIndex {
  readonly #families: Families;
  readonly #known = new Map<string, Set<string>>();
  readonly #byProvider = new Map<string, Map<string, TargetSeries>>();
  readonly #active = new Map<string, Counter>();
  readonly #overflow: Counter;
  #modelsLeft: number;

  constructor(families: Families, maxModels: number) {
    this.#families = families;
    this.#modelsLeft = maxModels;
    this.#overflow = families.overflow.series({});
  }

  /** Gives a provider labels of its own, once. */
  know(provider: string): void {
    this.#known.set(provider, new Set());
    this.active(provider);
  }

  /** Gives a model of a provider that is known labels of its own. */
  knowModel({ provider, model }: Target): void {
    this.#known.get(provider)?.add(model);
  }

  active(provider: string): Counter {
    const label = this.#known.has(provider) ? provider : OTHER;
    return found(this.#active, label, () => this.#families.active.series({ provider: label }));
  }

  /** Where a call is counted. Undefined: it had no target. */
  of(target: Target | undefined): TargetSeries {
    return target ? this.at(target, this.#overflow) : this.#series(NO_TARGET, NO_TARGET);
  }

  /** Where one of its tries is counted. `overflow` counts how often there is no room for a model. */
  at({ provider, model }: Target, overflow?: Counter): TargetSeries {
    const models = this.#known.get(provider);
    if (!models) return this.#series(OTHER, OTHER);
    return models.has(model) ? this.#bounded(provider, model, overflow) : this.#series(provider, OTHER);
  }

  #bounded(provider: string, model: string, overflow: Counter | undefined): TargetSeries {
    const series = this.#byProvider.get(provider)?.get(model);
    if (series) return series;
    if (this.#modelsLeft > 0) {
      this.#modelsLeft--;
      return this.#series(provider, model);
    }
    if (overflow) overflow.value++;
    return this.#series(provider, OTHER);
  }

  #series(provider: string, model: string): TargetSeries {
    const models = found(this.#byProvider, provider, () => new Map<string, TargetSeries>());
    return found(models, model, () => new TargetSeries(this.#families, provider, model));
  }
}

/** What a map has under a key; made first if there is nothing. */
function found<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}
