import { millisToHrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import type { Attempt, Cost, Usage } from '#gen/antiphon/v1/completion_pb.js';
import type { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { AuthFailure } from '../core/auth-failure.ts';
import type { Clock } from '../core/clock.ts';
import { type ErrorKind, errorKinds, errorRule } from '../core/errors.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { alertMetrics } from './alert-metrics.ts';
import { authMetrics } from './auth-metrics.ts';
import { type CacheGauges, cacheMetrics } from './cache-metrics.ts';
import { configMetrics, type ReloadResult } from './config-metrics.ts';
import { readCost } from './cost.ts';
import { idempotencyMetrics } from './idempotency-metrics.ts';
import type { Family } from './instruments.ts';
import { type KeysAside, keyMetrics } from './key-metrics.ts';
import { limitMetrics } from './limit-metrics.ts';
import { lostMetrics } from './lost-metrics.ts';
import { processMetrics, type Strain } from './process-metrics.ts';
import { type ProviderGauges, resilienceMetrics } from './resilience-metrics.ts';
import { type CountedOfTarget, snapshotOf } from './snapshot.ts';
import { type StoreGauges, storeMetrics } from './store-metrics.ts';
import { newFamilies, SeriesIndex, type TargetSeries } from './target-series.ts';
import { thriftMetrics } from './thrift-metrics.ts';

/** What is measured of a call when it is over. */
export interface CallMeasure {
  /** Undefined: it was refused before it had one. */
  readonly target: Target | undefined;
  /** Undefined: it succeeded. */
  readonly error: ErrorKind | undefined;
  readonly durationMs: number;
  /** From the call's arrival; undefined: nothing came, or it does not stream. */
  readonly firstTokenMs: number | undefined;
  /** Spent waiting for neither a provider nor a turn. */
  readonly overheadMs: number;
  /** Of all tries together: it counts where the tries themselves do not say what they used. */
  readonly usage: Usage | undefined;
  readonly cost?: Cost | undefined;
  readonly attempts: readonly Attempt[];
}

/** The metrics of calls. No label has a value that a caller can make up. */
export interface CallMetrics {
  /** A call is now with this provider. `ended` must follow. */
  started(provider: string): void;
  ended(provider: string): void;
  /** A call is over, or was refused. */
  finished(measure: CallMeasure): void;
}

/** What has labels of its own. */
export interface KnownNames {
  /** The models of the configuration and of the catalogue. */
  readonly known: readonly Target[];
  /** The providers besides those of `known`: they may have no model yet. */
  readonly knownProviders?: readonly string[];
}

export interface MetricsOptions extends KnownNames {
  readonly clock: Clock;
  /** One for each provider that has keys and each reason to refuse one. Asked at every scrape. */
  readonly keysAside?: () => readonly KeysAside[];
  /** One for each provider. Asked at every scrape. */
  readonly providers?: () => readonly ProviderGauges[];
  /** How short the process is of time and memory. Asked at every scrape. */
  readonly strain?: () => Strain;
  /** How the store is doing. Asked at every scrape. */
  readonly store?: () => StoreGauges;
  /** How much the cache holds. Asked at every scrape. */
  readonly cache?: () => CacheGauges;
  /** Models beyond this many count as `other`, so that a scrape stays small. */
  readonly maxModels?: number;
}

const NO_STRAIN: Strain = { delayMs: 0, memoryShare: 0 };
const NO_STORE: StoreGauges = { degraded: false, pending: 0 };
const NO_CACHE: CacheGauges = { entries: 0, bytes: 0, evictions: 0 };

const MAX_MODELS = 100;
/** Only operators name providers; but a process may see many configurations. */
const MAX_PROVIDERS = 1_000;

/** All that is counted, and the producer that an exporter reads it from. */
export interface Metrics {
  readonly metrics: CallMetrics;
  /** Counts what happens on the way of calls. */
  readonly tell: Tell;
  /** The configuration was read again. */
  readonly configReloaded: (result: ReloadResult) => void;
  /** A caller was turned away. */
  readonly authFailed: (reason: AuthFailure) => void;
  /** The store that replicas share failed once more. */
  readonly storeFailed: ReturnType<typeof storeMetrics>['storeFailed'];
  /** A change will never reach it. */
  readonly storeLost: () => void;
  /** Gives labels of their own to these, too. At most 1,000 providers have some. */
  readonly know: (names: KnownNames) => void;
  /** What is counted now. */
  readonly snapshot: () => readonly CountedOfTarget[];
  readonly producer: MetricProducer;
}

/** Makes the metrics of one process. */
export function callMetrics(options: MetricsOptions): Metrics {
  const families = newFamilies();
  const { clock, maxModels = MAX_MODELS } = options;
  const { keysAside = () => [], providers: gauges = () => [], strain = () => NO_STRAIN } = options;
  const { families: storeFamilies, ...store } = storeMetrics(options.store ?? (() => NO_STORE));
  const cached = cacheMetrics(options.cache ?? (() => NO_CACHE));
  const series = new SeriesIndex(families, maxModels);
  const startMs = clock.wallMs();
  const resilience = resilienceMetrics(gauges);
  const thrift = thriftMetrics();
  const told = [resilience, limitMetrics(), alertMetrics(), thrift, idempotencyMetrics(), lostMetrics()];
  const providers = new Set<string>();
  const know = ({ known, knownProviders = [] }: KnownNames) => {
    for (const provider of [...knownProviders, ...known.map((target) => target.provider)]) {
      if (providers.has(provider) || providers.size >= MAX_PROVIDERS) continue;
      providers.add(provider);
      series.know(provider);
      resilience.know(provider);
      thrift.know(provider);
    }
    for (const target of known) series.knowModel(target);
  };
  know(options);
  const config = configMetrics(clock);
  const auth = authMetrics();
  const all = [
    ...Object.values(families),
    ...keyMetrics(keysAside),
    ...told.flatMap(({ families }) => families),
    ...cached.families,
    ...config.families,
    ...auth.families,
    ...storeFamilies,
    ...processMetrics(startMs / 1000, strain),
  ];
  return {
    ...store,
    metrics: recording(series),
    tell(news) {
      if (news.type === 'cache') return cached.tell(news);
      for (const { tell } of told) tell(news);
      if (news.type === 'prompt_cache') series.at(news.target).promptCache(news);
    },
    configReloaded: config.reloaded,
    authFailed: auth.failed,
    know,
    snapshot: () => snapshotOf(all),
    producer: producerOf(all, clock, startMs),
  };
}

const producerOf = (families: readonly Family[], clock: Clock, startMs: number): MetricProducer => ({
  async collect() {
    const start = millisToHrTime(startMs);
    const now = millisToHrTime(clock.wallMs());
    const metrics = families.map((family) => family.data(start, now));
    const scopeMetrics = [{ scope: { name: 'antiphon' }, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  },
});

const recording = (series: SeriesIndex): CallMetrics => ({
  started(provider) {
    series.active(provider).value++;
  },
  ended(provider) {
    series.active(provider).value--;
  },
  finished({ target, error, durationMs, firstTokenMs, overheadMs, usage, cost, attempts }) {
    const of = series.of(target);
    const byStatus = of.status(error && errorRule(error).code);
    byStatus.requests.value++;
    byStatus.duration.record(seconds(durationMs));
    of.overhead.record(seconds(overheadMs));
    if (firstTokenMs !== undefined) of.firstToken.record(seconds(firstTokenMs));
    if (!countTries(series, attempts)) countSpent(of, usage, cost);
    // Whoever leaves has changed their mind; nothing has failed.
    if (error && error !== 'cancelled') of.errors(error).value++;
    if (error === 'model_not_allowed') of.violations.value++;
  },
});

const kindsByReason: ReadonlyMap<ErrorReason, ErrorKind> = new Map(
  errorKinds.map((kind) => [errorRule(kind).reason, kind]),
);

/** One that is not over yet was overtaken by another, and is being broken off. */
const errorOf = ({ duration, errorReason }: Attempt): ErrorKind | undefined =>
  duration ? kindsByReason.get(errorReason) : 'cancelled';

/** Counts each try where it was made, since that is where it is paid for. False: none says what it used. */
function countTries(series: SeriesIndex, attempts: readonly Attempt[]): boolean {
  for (const attempt of attempts) {
    const of = series.at(attempt);
    of.attempts(errorOf(attempt)).value++;
    countSpent(of, attempt.usage, attempt.cost);
  }
  return attempts.some(({ usage, cost }) => usage || cost);
}

function countSpent(of: TargetSeries, usage: Usage | undefined, cost: Cost | undefined): void {
  if (usage) countTokens(of, usage);
  if (cost) countCost(of, cost);
}

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
