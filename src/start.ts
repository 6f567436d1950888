import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { HealthStatus, type ProviderHealth, ProviderHealthSchema } from '#gen/antiphon/v1/health_pb.js';
import type { Catalogue } from './catalogue/catalogue.ts';
import { dayOf } from './catalogue/day.ts';
import type { Directory } from './catalogue/directory.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { duration } from './core/duration.ts';
import { errorRule } from './core/errors.ts';
import { redactor } from './core/redact.ts';
import { catalogueOf, directoryOf, type Gateway, type GatewayParts, gateway } from './gateway.ts';
import type { Addresses } from './greeting.ts';
import { ServingStatus } from './servers/health.ts';
import { type Servers, startServers } from './servers/servers.ts';
import { liveModels } from './services/list-models.ts';
import { type LlmServiceParts, llmService } from './services/llm.ts';
import type { Log } from './telemetry/log.ts';
import { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry/otel.ts';
import { callOutcome } from './telemetry/outcome.ts';
import { recorder } from './telemetry/record.ts';
import { version } from './version.ts';

/** A gateway that runs. */
export interface Running {
  readonly addresses: Addresses;
  /** Lets calls in flight end, as configured, and stops. */
  drain(): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

/** Starts everything. Errors: one that names the port in use; then nothing runs. */
export async function start(config: Config, log: Log, clock: Clock = systemClock): Promise<Running> {
  const redact = redactor(config.secrets);
  const known = catalogueOf(config);
  const models = directoryOf(config, clock, known);
  const made: { path?: Gateway; servers?: Servers } = {};
  const keysAside = () => made.path?.keyCounts() ?? [];
  const telemetry = await startTelemetry({ ...telemetryOptions(config, models, log, clock), keysAside });
  const { metrics, tracing } = telemetry;
  const record = recorder({ metrics, log, redact });
  const listings = listingNews(known, log, clock);
  const path = gateway({ config, models, clock, redact, record, metrics, keyAside: keyAside(log, clock), listings });
  made.path = path;
  const refused: LlmServiceParts['refused'] = (call, error) => record(callOutcome(call, clock.now(), error));
  const health = () => healthOf(config, path, made.servers, clock.now());
  const listed = liveModels(models.list, () => health().providers);
  const service = llmService({ complete: path.complete, models: listed, health, refused, clock, version });
  try {
    made.servers = await startServers({
      config: config.server,
      service,
      tracing,
      redact,
      log,
      clock,
      newId: randomUUID,
    });
    return running(made.servers, path, telemetry);
  } catch (error) {
    await Promise.all([path.close(), telemetry.shutdown()]);
    throw error;
  }
}

const telemetryOptions = (
  { telemetry, server }: Config,
  models: Directory,
  log: Log,
  clock: Clock,
): TelemetryOptions => ({
  ...telemetry,
  version,
  metricsHost: server.host,
  metricsPort: server.metricsPort,
  knownTargets: models.list().map(({ provider, id }) => ({ provider, model: id })),
  clock,
  log,
});

const healthOf = ({ providers }: Config, path: Gateway, servers: Servers | undefined, nowMs: number) => ({
  serving: servers?.health.get('') === ServingStatus.SERVING,
  activeCalls: servers?.activeCalls() ?? 0,
  providers: providers.map((provider) => providerHealth(provider, path, nowMs)),
});

function providerHealth({ name, keys }: ProviderConfig, path: Gateway, nowMs: number): ProviderHealth {
  const aside = path.keysAside(name);
  // A rate limit is over soon, and says nothing of the provider's health.
  const needsCare = aside.some(({ kind }) => kind !== 'upstream_rate_limited');
  return create(ProviderHealthSchema, {
    provider: name,
    status: needsCare ? HealthStatus.DEGRADED : HealthStatus.SERVING,
    activeCalls: path.activeCalls(name),
    keys: keys.length,
    keysSetAside: aside.map(({ name: key, kind, untilMs }) => ({
      name: key,
      reason: errorRule(kind).reason,
      retryIn: duration(untilMs - nowMs),
    })),
  });
}

/** Tells the operator that a key has to be looked after. A rate limit needs nobody. */
const keyAside =
  (log: Log, clock: Clock): GatewayParts['keyAside'] =>
  (provider, { name, kind, untilMs }) => {
    if (kind === 'upstream_rate_limited') return;
    const retry_in_ms = Math.round(untilMs - clock.now());
    log.warn({ provider, key: name, error_reason: kind.toUpperCase(), retry_in_ms }, 'key set aside');
  };

/** What a provider lists wins over what is built in. What it does not list stays as it was. */
const listingNews = (known: Catalogue, log: Log, clock: Clock): NonNullable<GatewayParts['listings']> => ({
  learn: (provider, models) => known.learn(provider, models, dayOf(clock.wallMs())),
  failed: (provider, { kind }) =>
    log.warn({ provider, error_reason: kind.toUpperCase() }, 'the list of models could not be read'),
});

const address = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function running(servers: Servers, path: Gateway, telemetry: Telemetry): Running {
  const stop = async (doors: Promise<void>) => {
    await doors;
    await path.close();
    await telemetry.shutdown();
  };
  return {
    addresses: { grpc: address(servers.grpc), http: address(servers.http), metrics: telemetry.metricsAddress },
    drain: () => stop(servers.drain()),
    close: () => stop(servers.close()),
  };
}
