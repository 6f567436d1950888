import { randomUUID } from 'node:crypto';
import { type HealthResponse, HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { Access } from './access/access.ts';
import { Answers } from './cache/answers.ts';
import { exposureProblems } from './config/access.ts';
import type { Config } from './config/config.ts';
import { ConfigError } from './config/problem.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { LearningRedactor, type Redact } from './core/redact.ts';
import type { Target } from './core/target.ts';
import type { Addresses } from './greeting.ts';
import { directoryOf } from './inventory.ts';
import { type ProviderReading, providerHealth, providerStatus } from './resilience/provider-health.ts';
import { ProviderStates } from './resilience/provider-states.ts';
import { FALLBACK_PROVIDER } from './routing/goals.ts';
import { ServingStatus } from './servers/health.ts';
import { type Servers, startServers } from './servers/servers.ts';
import { healthResponse } from './services/health.ts';
import { llmService } from './services/llm.ts';
import { type Serving, serving } from './serving.ts';
import { Snapshots } from './snapshots.ts';
import { type OpenStore, openStore, type StoreStanding } from './stores/open.ts';
import { type ContentCapture, contentCapture } from './telemetry/content.ts';
import type { Log } from './telemetry/log.ts';
import { memoryShare } from './telemetry/memory.ts';
import { fanOut, newsLog } from './telemetry/news-log.ts';
import { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry/otel.ts';
import { callOutcome } from './telemetry/outcome.ts';
import { recorder } from './telemetry/record.ts';
import type { ProviderGauges } from './telemetry/resilience-metrics.ts';
import { storeNews } from './telemetry/store-news.ts';
import { version } from './version.ts';

/** A gateway that runs. */
export interface Running {
  readonly addresses: Addresses;
  /**
   * Puts another configuration into effect: calls in flight go on with the one they began with. It gives the parts that
   * differ and need a restart to take effect. Errors: a defect; then the one before stays.
   */
  reload(config: Config): readonly string[];
  /** Counts a configuration that could not be used. */
  reloadRefused(): void;
  /** Lets calls in flight end, as configured, and stops. */
  drain(): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

export interface StartOptions {
  readonly clock?: Clock;
  /** Masks the secrets of the configuration, and learns those of the ones that follow. */
  readonly redactor?: LearningRedactor;
  /** The share of the process's memory that is in use, from 0 to 1. */
  readonly memory?: () => number;
}

/** Before there is a cache. */
const NOTHING_KEPT = { entries: 0, bytes: 0, evictions: 0 };

/** Starts everything. Errors: one that names the port in use; then nothing runs. */
export async function start(config: Config, log: Log, options: StartOptions = {}): Promise<Running> {
  const { clock = systemClock, redactor = new LearningRedactor(config.secrets), memory = memoryShare() } = options;
  const { redact } = redactor;
  const made: { serving?: Snapshots<Serving>; store?: OpenStore; answers?: Answers } = {};
  const readings = () => made.serving?.current.readings() ?? [];
  const telemetry = await startTelemetry({
    ...telemetryOptions(config, log, clock),
    ...scraped(() => made.serving?.current),
    store: () => gaugesOfStore(made.store?.standing()),
    cache: () => made.answers?.stats ?? NOTHING_KEPT,
  });
  const { metrics, tracing } = telemetry;
  const { store, standing } = await openedStore(config, clock, log, telemetry);
  made.store = { store, standing };
  const tell = fanOut(telemetry.tell, newsLog(log, clock));
  const states = new ProviderStates(config, clock, tell);
  const record = recorder({ metrics, log, redact });
  const answers = new Answers(config.cache, { clock, ...(config.store.redis ? { store } : {}) });
  made.answers = answers;
  const shared = { log, clock, redact, record, metrics, tell, memoryShare: memory, answers };
  const lasting = { ...shared, store, states, listings: new Map(), capture: captureOf(config, redact) };
  const snapshots = new Snapshots(serving(config, lasting), (error) => log.error({ error }, 'could not close'));
  made.serving = snapshots;
  const opened: { servers?: Servers } = {};
  const health = healthOf(() => opened.servers, readings, standing, clock);
  const service = llmService({
    complete: (call) => snapshots.use((now) => now.complete(call)),
    models: () => snapshots.current.models(),
    health,
    refused: (call, error) => record(callOutcome(call, clock.now(), error)),
    clock,
  });
  const providers = () => snapshots.current.statuses();
  const { snapshot } = telemetry;
  const access = new Access(config.access, { clock, failed: telemetry.authFailed });
  const tools = { access, tracing, redact, log, clock, newId: randomUUID };
  const doors = { ...tools, config: config.server, tls: config.tls, service, health, providers, snapshot };
  try {
    opened.servers = await startServers(doors);
  } catch (error) {
    await Promise.all([snapshots.close(), telemetry.shutdown()]);
    await store.close();
    throw error;
  }
  return {
    ...running(opened.servers, snapshots, telemetry, store),
    reload(next) {
      checkExposure(config, next);
      if (next.tls && hasSameTls(config, next)) opened.servers?.renewTls(next.tls);
      redactor.learn(next.secrets);
      states.reconfigure(next);
      try {
        snapshots.swap(serving(next, lasting));
      } catch (error) {
        states.reconfigure(snapshots.current.config);
        throw error;
      }
      access.reconfigure(next.access);
      answers.configure(next.cache);
      telemetry.know({ known: knownTargets(next, clock), knownProviders: knownProviders(next) });
      telemetry.configReloaded('ok');
      return fixedParts(config, next);
    },
    reloadRefused: () => telemetry.configReloaded('rejected'),
  };
}

/** The address stays that of the start, whatever the file says of it by now. Errors: ConfigError. */
function checkExposure({ server }: Config, { access }: Config): void {
  const problems = exposureProblems(server.host, access);
  if (problems.length > 0) throw new ConfigError(problems);
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

const gaugesOfStore = (standing: StoreStanding | undefined) => ({
  degraded: standing?.mode === 'local',
  pending: standing?.pending ?? 0,
});

/** What Health answers. The time that the process is up begins now. */
function healthOf(
  servers: () => Servers | undefined,
  readings: () => readonly ProviderReading[],
  standing: () => StoreStanding,
  clock: Clock,
): () => HealthResponse {
  const startedMs = clock.now();
  return () =>
    healthResponse({
      serving: servers()?.health.get('') === ServingStatus.SERVING,
      version,
      uptimeMs: clock.now() - startedMs,
      activeCalls: servers()?.activeCalls() ?? 0,
      providers: readings().map((each) => providerHealth(each, clock.now())),
      store: standing(),
    });
}

/** What spans say of conversations. Undefined: nothing. */
const captureOf = ({ telemetry }: Config, redact: Redact): ContentCapture | undefined =>
  telemetry.captureContent ? contentCapture(redact) : undefined;

/** Whether both speak TLS, or neither; and whether callers need certificates. */
const hasSameTls = ({ tls: one }: Config, { tls: other }: Config): boolean =>
  !one === !other && !one?.clientCa === !other?.clientCa;

/** What is set up once, and differs. */
const fixedParts = (one: Config, other: Config): readonly string[] => [
  ...(['server', 'telemetry', 'store'] as const).filter(
    (part) => JSON.stringify(one[part]) !== JSON.stringify(other[part]),
  ),
  ...(hasSameTls(one, other) ? [] : ['server.tls']),
];

const telemetryOptions = (config: Config, log: Log, clock: Clock): TelemetryOptions => ({
  ...config.telemetry,
  version,
  metricsHost: config.server.host,
  metricsPort: config.server.metricsPort,
  knownTargets: knownTargets(config, clock),
  knownProviders: knownProviders(config),
  clock,
  log,
});

/** What is asked at every scrape. */
const scraped = (serving: () => Serving | undefined): Pick<TelemetryOptions, 'keysAside' | 'providers' | 'strain'> => ({
  keysAside: () => serving()?.keyCounts() ?? [],
  providers: () => serving()?.readings().map(gaugesOf) ?? [],
  strain: () => serving()?.strain ?? { delayMs: 0, memoryShare: 0 },
});

/** The models that callers cannot make up, so that metrics may name them. */
const knownTargets = (config: Config, clock: Clock): readonly Target[] => [
  ...directoryOf(config, clock)
    .list()
    .map(({ provider, id }) => ({ provider, model: id })),
  ...[...config.fallback.answers.keys()].map((model) => ({ provider: FALLBACK_PROVIDER, model })),
];

const knownProviders = ({ providers }: Config): readonly string[] => [
  ...providers.map(({ name }) => name),
  FALLBACK_PROVIDER,
];

const gaugesOf = (reading: ProviderReading): ProviderGauges => ({
  provider: reading.provider,
  up: providerStatus(reading) !== HealthStatus.NOT_SERVING,
  queued: reading.queued,
  openBreakers: reading.targets.filter(({ breaker }) => breaker === 'open').length,
});

const address = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function running(servers: Servers, path: Pick<Serving, 'close'>, telemetry: Telemetry, store: OpenStore['store']) {
  const stop = async (doors: Promise<void>) => {
    await doors;
    await path.close();
    await telemetry.shutdown();
    await store.close();
  };
  return {
    addresses: { grpc: address(servers.grpc), http: address(servers.http), metrics: telemetry.metricsAddress },
    drain: () => stop(servers.drain()),
    close: () => stop(servers.close()),
  };
}
