import type { Attributes } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import type { Cost, Usage } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../core/clock.ts';
import { type ErrorKind, errorRule, type GrpcCode } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { readCost } from './cost.ts';
import { type Counter, CounterFamily, type Histogram, HistogramFamily } from './instruments.ts';
import { type KeysAside, keyMetrics } from './key-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { statusName } from './status.ts';

/** What is measured of a call when it is over. */
export interface CallMeasure {
  /** Undefined: it was refused before it had one. */
  readonly target: Target | undefined;
  /** Undefined: it succeeded. */
  readonly error: ErrorKind | undefined;
  readonly durationMs: number;
  /** From the call's arrival; undefined: nothing came, or it does not stream. */
  readonly firstTokenMs: number | undefined;
  readonly gatewayMs: number;
  readonly usage: Usage | undefined;
  readonly cost?: Cost | undefined;
}

/** The metrics of calls. No label has a value that a caller can make up. */
export interface CallMetrics {
  /** A call is now with this provider. `ended` must follow. */
  started(provider: string): void;
  ended(provider: string): void;
  /** A call is over, or was refused. */
  finished(measure: CallMeasure): void;
}

export interface MetricsOptions {
  /** The models that have labels of their own: those of the configuration and of the catalogue. */
  readonly known: readonly Target[];
  readonly clock: Clock;
  /** One for each provider that has keys and each reason to refuse one. Asked at every scrape. */
  readonly keysAside?: () => readonly KeysAside[];
  /** Models beyond this many count as `other`, so that a scrape stays small. */
  readonly maxModels?: number;
}

const MAX_MODELS = 100;

/** Source: OpenTelemetry GenAI conventions, advice for `gen_ai.client.*.duration` (2026-11-21). */
const DURATION_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const OVERHEAD_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

const NO_TARGET = 'none';
const OTHER = 'other';

/** Makes the call metrics, and the producer that an exporter reads them from. */
export function callMetrics(options: MetricsOptions): { metrics: CallMetrics; producer: MetricProducer } {
  const families = newFamilies();
  const series = new SeriesIndex(families, options.known, options.maxModels ?? MAX_MODELS);
  const { clock, keysAside = () => [] } = options;
  const startMs = clock.wallMs();
  const all = [...Object.values(families), ...keyMetrics(keysAside), ...processMetrics(startMs / 1000)];
  const producer: MetricProducer = {
    async collect() {
      const start = millisToHrTime(startMs);
      const now = millisToHrTime(clock.wallMs());
      const metrics = all.map((family) => family.data(start, now));
      const scopeMetrics = [{ scope: { name: 'antiphon' }, metrics }];
      return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
    },
  };
  return { metrics: recording(series), producer };
}

const recording = (series: SeriesIndex): CallMetrics => ({
  started(provider) {
    series.active(provider).value++;
  },
  ended(provider) {
    series.active(provider).value--;
  },
  finished({ target, error, durationMs, firstTokenMs, gatewayMs, usage, cost }) {
    const of = series.of(target);
    const byStatus = of.status(error && errorRule(error).code);
    byStatus.requests.value++;
    byStatus.duration.record(seconds(durationMs));
    of.overhead.record(seconds(gatewayMs));
    if (firstTokenMs !== undefined) of.firstToken.record(seconds(firstTokenMs));
    if (usage) countTokens(of, usage);
    if (cost) countCost(of, cost);
    // Whoever leaves has changed their mind; nothing has failed.
    if (error && error !== 'cancelled') of.errors(error).value++;
    if (error === 'model_not_allowed') of.violations.value++;
  },
});

const seconds = (ms: number): number => Math.max(ms, 0) / 1000;

function countTokens(of: TargetSeries, usage: Usage): void {
  of.tokens('input').value += Number(usage.inputTokens);
  of.tokens('output').value += Number(usage.outputTokens);
  if (usage.cachedInputTokens) of.tokens('cached_input').value += Number(usage.cachedInputTokens);
  if (usage.cacheWriteTokens) of.tokens('cache_write').value += Number(usage.cacheWriteTokens);
  if (usage.reasoningTokens) of.tokens('reasoning').value += Number(usage.reasoningTokens);
}

function countCost(of: TargetSeries, cost: Cost): void {
  const { status, nanoUsd } = readCost(cost);
  if (status === 'unpriced') of.unpriced.value++;
  if (nanoUsd !== undefined) of.cost.value += nanoUsd;
}

type TokenType = 'input' | 'output' | 'cached_input' | 'cache_write' | 'reasoning';

/** Costs are counted in thousand-millionths of a dollar. */
const NANO = 1_000_000_000;

type Families = ReturnType<typeof newFamilies>;

function newFamilies() {
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
      'Time of a call in the gateway itself, without waiting for providers.',
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
    unpriced: counter(
      'llm_unpriced_calls_total',
      'Calls that cost something unknown: there is no price for the model.',
    ),
    errors: counter('llm_errors_total', 'Calls that failed, by the kind of error.'),
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
class TargetSeries {
  readonly #families: Families;
  readonly #labels: Attributes;
  readonly #byStatus = new Map<GrpcCode | undefined, StatusSeries>();
  readonly #tokens = new Map<TokenType, Counter>();
  readonly #errors = new Map<ErrorKind, Counter>();
  #firstToken: Histogram | undefined;
  #overhead: Histogram | undefined;
  #violations: Counter | undefined;
  #cost: Counter | undefined;
  #unpriced: Counter | undefined;

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
}

/** Finds the series of a target. What is not known shares those of `other`. */
class SeriesIndex {
  readonly #families: Families;
  readonly #known = new Map<string, Set<string>>();
  readonly #byProvider = new Map<string, Map<string, TargetSeries>>();
  readonly #active = new Map<string, Counter>();
  readonly #overflow: Counter;
  #modelsLeft: number;

  constructor(families: Families, known: readonly Target[], maxModels: number) {
    this.#families = families;
    this.#modelsLeft = maxModels;
    this.#overflow = families.overflow.series({});
    for (const { provider, model } of known) found(this.#known, provider, () => new Set<string>()).add(model);
    for (const provider of this.#known.keys()) this.active(provider);
  }

  active(provider: string): Counter {
    const label = this.#known.has(provider) ? provider : OTHER;
    return found(this.#active, label, () => this.#families.active.series({ provider: label }));
  }

  of(target: Target | undefined): TargetSeries {
    if (!target) return this.#series(NO_TARGET, NO_TARGET);
    const { provider, model } = target;
    const models = this.#known.get(provider);
    if (!models) return this.#series(OTHER, OTHER);
    return models.has(model) ? this.#bounded(provider, model) : this.#series(provider, OTHER);
  }

  #bounded(provider: string, model: string): TargetSeries {
    const series = this.#byProvider.get(provider)?.get(model);
    if (series) return series;
    if (this.#modelsLeft > 0) {
      this.#modelsLeft--;
      return this.#series(provider, model);
    }
    this.#overflow.value++;
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
