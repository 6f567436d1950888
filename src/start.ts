import { randomUUID } from 'node:crypto';
import type { HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import { Access } from './access/access.ts';
import { administration } from './administration.ts';
import { changeable } from './changeable.ts';
import { exposureProblems, lossProblems } from './config/access.ts';
import type { Config } from './config/config.ts';
import { ConfigError } from './config/problem.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { LearningRedactor } from './core/redact.ts';
import type { Addresses } from './greeting.ts';
import { knownNames, type Opened, openLasting } from './lasting.ts';
import { type ProviderReading, providerHealth } from './resilience/provider-health.ts';
import { ServingStatus } from './servers/health.ts';
import { type Servers, startServers } from './servers/servers.ts';
import { adminService } from './services/admin.ts';
import { healthResponse } from './services/health.ts';
import { llmService } from './services/llm.ts';
import { type Serving, serving } from './serving.ts';
import type { SettingsSource } from './settings/live-settings.ts';
import { Snapshots } from './snapshots.ts';
import type { StoreStanding } from './stores/open.ts';
import type { Log } from './telemetry/log.ts';
import { memoryShare } from './telemetry/memory.ts';
import { callOutcome } from './telemetry/outcome.ts';
import { version } from './version.ts';

/** A gateway that runs. */
export interface Running {
  readonly addresses: Addresses;
  /**
   * Puts another configuration into effect: calls in flight go on with the one they began with. It gives the parts that
   * differ and need a restart to take effect. Errors: a defect; then the one before stays.
   */
  reload(config: Config): readonly string[];
  /**
   * Reads the configuration again, with what was changed at run time. Undefined: nothing can be read. Errors: ConfigError.
   */
  readonly read?: () => Config;
  /** Counts a configuration that could not be used. */
  reloadRefused(): void;
  /** Lets calls in flight end, as configured, and stops. */
  drain(): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

export interface StartOptions {
  readonly clock?: Clock;
  /** Where the configuration is read again. Without it nothing of it is changed at run time. */
  readonly source?: SettingsSource;
  /** Masks the secrets of the configuration, and learns those of the ones that follow. */
  readonly redactor?: LearningRedactor;
  /** The share of the process's memory that is in use, from 0 to 1. */
  readonly memory?: () => number;
}

/** Starts everything. Errors: one that names the port in use; then nothing runs. */
export async function start(config: Config, log: Log, options: StartOptions = {}): Promise<Running> {
  const { clock = systemClock, redactor = new LearningRedactor(config.secrets), memory = memoryShare() } = options;
  const { redact } = redactor;
  const made: Made = {};
  const inEffect = () => made.serving?.current;
  const kept = await openLasting(config, log, { clock, redact, memoryShare: memory, serving: inEffect });
  const { lasting, telemetry, standing } = kept;
  const { record } = lasting;
  const snapshots = new Snapshots(serving(config, lasting), (error) => log.error({ error }, 'could not close'));
  made.serving = snapshots;
  const health = healthOf(
    () => made.servers,
    () => snapshots.current.readings(),
    standing,
    clock,
  );
  const service = llmService({
    complete: (call) => snapshots.use((now) => now.complete(call)),
    models: () => snapshots.current.models(),
    health,
    refused: (call, error) => record(callOutcome(call, clock.now(), error)),
    clock,
  });
  const providers = () => snapshots.current.statuses();
  const { snapshot, tracing } = telemetry;
  const change = changeable({
    ...{ values: kept.values, audit: kept.audit, clock, redact, log, source: options.source },
    inEffect: () => snapshots.current.config,
    check: (next) => checkAccess(config, snapshots.current.config, next),
    apply: (next) => apply(next),
    rejected: () => telemetry.configReloaded('rejected'),
  });
  const access = new Access(config.access, { clock, failed: telemetry.authFailed, sources: [change.keys] });
  const apply = applying(config, { made, snapshots, kept, redactor, access, clock });
  const close = async () => {
    change.close();
    await snapshots.close();
    await kept.close();
  };
  const tools = { access, tracing, redact, log, clock, newId: randomUUID };
  const admin = adminService({
    ...administration({ snapshots, lasting, keys: change.allKeys, usageLabels: config.usage.labels }),
    ...change.admin,
  });
  const doors = { ...tools, config: config.server, tls: config.tls, service, admin, health, providers, snapshot };
  try {
    // Before the doors open, so that nobody meets what was changed since.
    await change.begin();
    made.servers = await startServers(doors);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...running(made.servers, telemetry, close),
    reload: apply,
    ...(options.source ? { read: () => change.settings.read() } : {}),
    reloadRefused: () => telemetry.configReloaded('rejected'),
  };
}

/** What is made later than those who ask for it. */
interface Made {
  serving?: Snapshots<Serving>;
  servers?: Servers;
}

interface ApplyingParts {
  readonly made: Made;
  readonly snapshots: Snapshots<Serving>;
  readonly kept: Opened;
  readonly redactor: LearningRedactor;
  readonly access: Access;
  readonly clock: Clock;
}

/** Makes what puts another configuration into effect; `config` is that of the start. */
const applying =
  (config: Config, { made, snapshots, kept, redactor, access, clock }: ApplyingParts): Running['reload'] =>
  (next) => {
    const { lasting, telemetry } = kept;
    const { states, answers } = lasting;
    checkAccess(config, snapshots.current.config, next);
    if (next.tls && hasSameTls(config, next)) made.servers?.renewTls(next.tls);
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
    lasting.callAlerts.configure(next.alerts);
    const { knownTargets: known, knownProviders } = knownNames(next, clock);
    telemetry.know({ known, knownProviders });
    telemetry.configReloaded('ok');
    return fixedParts(config, next);
  };

/** The address stays that of the start, whatever the file says of it by now. Errors: ConfigError. */
function checkAccess({ server }: Config, now: Config, { access }: Config): void {
  const problems = [...exposureProblems(server.host, access), ...lossProblems(now.access, access)];
  if (problems.length > 0) throw new ConfigError(problems);
}

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

/** Whether both speak TLS, or neither; and whether callers need certificates. */
const hasSameTls = ({ tls: one }: Config, { tls: other }: Config): boolean =>
  !one === !other && !one?.clientCa === !other?.clientCa;

/** What is set up once, and differs. */
const fixedParts = (one: Config, other: Config): readonly string[] => [
  ...(['server', 'telemetry', 'store', 'audit', 'usage'] as const).filter(
    (part) => JSON.stringify(one[part]) !== JSON.stringify(other[part]),
  ),
  ...(hasSameTls(one, other) ? [] : ['server.tls']),
];

const address = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function running(servers: Servers, telemetry: Pick<Opened['telemetry'], 'metricsAddress'>, close: () => Promise<void>) {
  const stop = async (doors: Promise<void>) => {
    await doors;
    await close();
  };
  return {
    addresses: { grpc: address(servers.grpc), http: address(servers.http), metrics: telemetry.metricsAddress },
    drain: () => stop(servers.drain()),
    close: () => stop(servers.close()),
  };
}
