import { randomBytes, randomUUID } from 'node:crypto';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { AlertBook } from './alerts/book.ts';
import { CallAlerts, type EndedCall } from './alerts/call-alerts.ts';
import { AuditLog } from './audit/audit-log.ts';
import { Answers } from './cache/answers.ts';
import { placesOf } from './cache/place.ts';
import { warmUp } from './cache/warm-up.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { ErrorKind } from './core/errors.ts';
import type { Redact } from './core/redact.ts';
import type { Target } from './core/target.ts';
import { directoryOf } from './inventory.ts';
import { type ProviderReading, providerStatus } from './resilience/provider-health.ts';
import { ProviderStates } from './resilience/provider-states.ts';
import { FALLBACK_PROVIDER } from './routing/goals.ts';
import type { Lasting, Serving } from './serving.ts';
import { type OpenStore, openStore, type StoreStanding } from './stores/open.ts';
import { type ContentCapture, contentCapture } from './telemetry/content.ts';
import { readCost } from './telemetry/cost.ts';
import type { Log } from './telemetry/log.ts';
import { fanOut, newsLog } from './telemetry/news-log.ts';
import { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry/otel.ts';
import { type CallOutcome, recorder } from './telemetry/record.ts';
import type { ProviderGauges } from './telemetry/resilience-metrics.ts';
import { storeNews } from './telemetry/store-news.ts';
import { UsageBook } from './usage/book.ts';
import { version } from './version.ts';

/** What is opened once, and closed last. */
export interface Opened {
  readonly lasting: Lasting;
  readonly telemetry: Telemetry;
  readonly standing: OpenStore['standing'];
  readonly values: OpenStore['values'];
  readonly audit: AuditLog;
  /** Writes down what is still to be written. Never rejects. */
  close(): Promise<void>;
}

export interface LastingOptions {
  readonly clock: Clock;
  readonly redact: Redact;
  /** The share of the process's memory that is in use, from 0 to 1. */
  readonly memoryShare: () => number;
  /** What is in effect. Undefined: nothing yet. */
  readonly serving: () => Serving | undefined;
}

/**
 * Opens what stays when the configuration changes: telemetry, the store, and what is known of providers. Errors: one that
 * says what to do about a port in use or a file that cannot be opened; then nothing is open.
 */
export async function openLasting(config: Config, log: Log, options: LastingOptions): Promise<Opened> {
  const { clock, redact, memoryShare, serving } = options;
  const made: { store?: OpenStore; answers?: Answers } = {};
  const telemetry = await startTelemetry({
    ...telemetryOptions(config, log, clock),
    ...scraped(serving),
    store: () => gaugesOfStore(made.store?.standing()),
    cache: () => made.answers?.stats ?? NOTHING_KEPT,
  });
  const opened = await openedStore(config, clock, log, telemetry);
  const { store, standing, values } = opened;
  made.store = opened;
  const alertBook = new AlertBook(clock);
  const tell = fanOut(telemetry.tell, newsLog(log, clock), alertBook.tell);
  const callAlerts = new CallAlerts(config.alerts, { clock, tell });
  const answers = new Answers(config.cache, { clock, ...(config.store.redis ? { store } : {}) });
  made.answers = answers;
  await warm(config, answers, log);
  const usage = usageBook(config, { store, clock, tell });
  const audit = auditLog(config, { values, clock, redact, tell });
  const { metrics } = telemetry;
  const record = recorder({ metrics, log, redact });
  const lasting: Lasting = {
    ...{ log, clock, redact, metrics, tell, memoryShare, answers, store, alertBook, callAlerts },
    record: (outcome) => {
      record(outcome);
      usage.add(usedBy(outcome));
      if (outcome.error) audit.refused(refusalOf(outcome, outcome.error.kind));
      callAlerts.add(endedOf(outcome));
    },
    states: new ProviderStates(config, clock, tell),
    listings: new Map(),
    capture: captureOf(config, redact),
  };
  return {
    lasting,
    telemetry,
    standing,
    values,
    audit,
    async close() {
      await answers.close();
      await usage.close();
      await audit.close();
      await telemetry.shutdown();
      await store.close();
    },
  };
}

/** Before there is a cache. */
const NOTHING_KEPT = { entries: 0, bytes: 0, evictions: 0 };

/** Keeps the answers of the configured file. Without them the gateway starts all the same. */
async function warm({ cache: settings, providers }: Config, answers: Answers, log: Log): Promise<void> {
  if (!settings.enabled || settings.warmUp === undefined) return;
  try {
    const { kept, skipped } = await warmUp(settings.warmUp, { settings, answers, placeOf: placesOf(providers) });
    log.info({ kept, skipped }, 'the cache was warmed up');
  } catch (error) {
    log.warn({ error }, 'the cache was not warmed up: cache.warm_up cannot be read');
  }
}

/** Errors: one that says what to do about a file that cannot be opened; then nothing runs. */
async function openedStore(config: Config, clock: Clock, log: Log, telemetry: Telemetry): Promise<OpenStore> {
  try {
    return await openStore(config.store, clock, storeNews(log, telemetry));
  } catch (error) {
    await telemetry.shutdown();
    throw error;
  }
}

const usageBook = ({ usage }: Config, { store, clock, tell }: Pick<Lasting, 'store' | 'clock' | 'tell'>): UsageBook =>
  new UsageBook({
    ...usage,
    store,
    clock,
    replica: randomUUID(),
    lost: (count) => tell({ type: 'records_lost', kind: 'usage', count }),
  });

const auditLog = (
  { audit }: Config,
  { tell, ...parts }: Pick<Opened, 'values'> & Pick<Lasting, AuditParts>,
): AuditLog =>
  new AuditLog({
    ...audit,
    ...parts,
    replica: randomBytes(8).toString('hex'),
    lost: (count) => tell({ type: 'records_lost', kind: 'audit', count }),
  });

type AuditParts = 'clock' | 'redact' | 'tell';

const refusalOf = ({ team = '', caller, target, callId }: CallOutcome, because: ErrorKind) => ({
  actor: caller,
  team,
  object: target ? `${target.provider}/${target.model}` : '',
  because,
  requestId: callId,
});

const usedBy = ({ team = '', caller, target, error, attempts, labels }: CallOutcome) => ({
  team,
  key: caller,
  target,
  failed: error !== undefined,
  attempts,
  labels,
});

const endedOf = ({ target, error, startedMs, endedMs, attempts }: CallOutcome): EndedCall => ({
  target,
  error: error?.kind,
  durationMs: endedMs - startedMs,
  tries: attempts.length,
  nanoUsd: attempts.reduce((sum, { cost }) => sum + (readCost(cost).nanoUsd ?? 0), 0),
});

const gaugesOfStore = (standing: StoreStanding | undefined) => ({
  degraded: standing?.mode === 'local',
  pending: standing?.pending ?? 0,
});

/** What spans say of conversations. Undefined: nothing. */
const captureOf = ({ telemetry }: Config, redact: Redact): ContentCapture | undefined =>
  telemetry.captureContent ? contentCapture(redact) : undefined;

const telemetryOptions = (config: Config, log: Log, clock: Clock): TelemetryOptions => ({
  ...config.telemetry,
  version,
  metricsHost: config.server.host,
  metricsPort: config.server.metricsPort,
  ...knownNames(config, clock),
  clock,
  log,
});

/** What is asked at every scrape. */
const scraped = (serving: () => Serving | undefined): Pick<TelemetryOptions, 'keysAside' | 'providers' | 'strain'> => ({
  keysAside: () => serving()?.keyCounts() ?? [],
  providers: () => serving()?.readings().map(gaugesOf) ?? [],
  strain: () => serving()?.strain ?? { delayMs: 0, memoryShare: 0 },
});

const gaugesOf = (reading: ProviderReading): ProviderGauges => ({
  provider: reading.provider,
  up: providerStatus(reading) !== HealthStatus.NOT_SERVING,
  queued: reading.queued,
  openBreakers: reading.targets.filter(({ breaker }) => breaker === 'open').length,
});

/** The models and providers that callers cannot make up, so that metrics may name them. */
export const knownNames = (config: Config, clock: Clock) => ({
  knownTargets: knownTargets(config, clock),
  knownProviders: [...config.providers.map(({ name }) => name), FALLBACK_PROVIDER],
});

const knownTargets = (config: Config, clock: Clock): readonly Target[] => [
  ...directoryOf(config, clock)
    .list()
    .map(({ provider, id }) => ({ provider, model: id })),
  ...[...config.fallback.answers.keys()].map((model) => ({ provider: FALLBACK_PROVIDER, model })),
];
