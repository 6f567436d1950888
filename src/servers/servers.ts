import { createServer, type Socket } from 'node:net';
import type { DescService, JsonValue } from '@bufbuild/protobuf';
import { AdminService as AdminServiceDesc } from '#gen/antiphon/v1/admin_service_pb.js';
import type { HealthResponse, ProviderHealth } from '#gen/antiphon/v1/health_pb.js';
import { LlmService as LlmServiceDesc } from '#gen/antiphon/v1/llm_service_pb.js';
import { Health } from '#gen/health/v1/health_pb.js';
import { loggedError } from '../telemetry/plain-text.ts';
import type { CountedOfTarget } from '../telemetry/snapshot.ts';
import { connectEntrance } from './connect.ts';
import { corsHandler } from './cors.ts';
import { type Drainable, drain } from './drain.ts';
import { entryHandler } from './entry.ts';
import { grpcDoor } from './grpc.ts';
import { HealthState, healthService, ServingStatus } from './health.ts';
import { healthPage } from './health-page.ts';
import { type HttpDoor, http1Limits, httpDoor } from './http.ts';
import type { HttpHandler } from './http-message.ts';
import { jsonRpcEntrance } from './json-rpc.ts';
import { type Address, type Listening, listen } from './listen.ts';
import { openAiEntrance } from './openai.ts';
import type { PlainService } from './plain.ts';
import { probeHandler } from './probes.ts';
import { followProviders } from './provider-services.ts';
import { reflectionServices } from './reflection.ts';
import { Calls } from './rpc.ts';
import type { DoorSettings, DoorTools, Services } from './settings.ts';
import { type TlsMaterial, tlsLayer } from './tls.ts';

export interface ServersPlan extends DoorTools, Services {
  readonly config: DoorSettings;
  /** Undefined: callers speak plain text. */
  readonly tls?: TlsMaterial | undefined;
  /** What the Health RPC answers, for `GET /health`. Undefined: there is no such page. */
  readonly health?: () => HealthResponse;
  /** The state of each provider, for its service in `grpc.health.v1`. Undefined: there are no such services. */
  readonly providers?: () => readonly Pick<ProviderHealth, 'provider' | 'status'>[];
  /** What is counted now, for `llm.metrics` of JSON-RPC. Undefined: nothing is. */
  readonly snapshot?: () => readonly CountedOfTarget[];
  /** Further handlers for the HTTP port, asked after the built-in ones, and only for callers who were let in. */
  readonly handlers?: readonly HttpHandler[];
}

/** The doors, open. */
export interface Servers {
  /** Where they listen, as bound. */
  readonly grpc: Address;
  readonly http: Address;
  readonly health: HealthState;
  /** Gives both doors another certificate, as TlsLayer does. */
  renewTls(material: TlsMaterial): void;
  /** Calls being worked on now, on both doors. */
  activeCalls(): number;
  /** Stops as `drain.ts` says, by the configured times. A second call returns the promise of the first. */
  drain(): Promise<void>;
  /** Stops at once: calls in flight end with UNAVAILABLE. */
  close(): Promise<void>;
}

/** Opens both doors over one service. Errors: one that names the port in use and its variable; then nothing is open. */
export async function startServers(plan: ServersPlan): Promise<Servers> {
  const { config, clock } = plan;
  const health = new HealthState(['', ...servedBy(plan).map(({ typeName }) => typeName)]);
  const calls = new Calls(plan);
  const grpc = await openGrpc(plan, calls, health);
  const http = await openHttp(plan, calls, health).catch(async (error: unknown) => {
    await grpc.stop();
    throw error;
  });
  health.setAll(ServingStatus.SERVING);
  const providers = following(plan, health);
  const doors = [grpc, http];
  let draining: Promise<void> | undefined;
  const stop = (delayMs: number, graceMs: number) => {
    providers?.close();
    return drain({ doors, calls, health, clock, delayMs, graceMs });
  };
  return {
    grpc: grpc.address,
    http: http.address,
    health,
    renewTls(material) {
      for (const door of doors) door.renewTls(material);
    },
    activeCalls: () => calls.active,
    drain() {
      draining ??= stop(config.drainDelayMs, config.drainGraceMs);
      return draining;
    },
    close: () => stop(0, 0),
  };
}

function following({ providers: read, clock, log, redact }: ServersPlan, health: HealthState) {
  if (!read) return undefined;
  const failed = (thrown: unknown) =>
    log.error({ error: loggedError(thrown, redact) }, 'the health of providers could not be read');
  return followProviders(health, read, clock, failed);
}

const snapshotJson = ({ snapshot }: ServersPlan): JsonValue => (snapshot?.() ?? []) as unknown as JsonValue;

/** The services of the contract that are there. */
const servedBy = ({ admin }: Services): readonly DescService[] => [
  LlmServiceDesc,
  ...(admin ? [AdminServiceDesc] : []),
];

type Door = Drainable & Pick<Listening, 'address'> & Pick<HttpDoor, 'renewTls'>;

function plainServices(plan: ServersPlan, health: HealthState): PlainService[] {
  const reflection = plan.config.reflection ? reflectionServices([...servedBy(plan), Health]) : [];
  return [healthService(health), ...reflection];
}

async function openGrpc(plan: ServersPlan, calls: Calls, health: HealthState): Promise<Door> {
  const { config } = plan;
  const door = grpcDoor(config, plan, plainServices(plan, health), calls, plan);
  const inject = (socket: Socket) => door.connections.injectConnection(socket);
  const tls = plan.tls && tlsLayer(plan.tls, ['h2'], inject);
  const server = createServer({ noDelay: true }, tls ? (socket) => tls.take(socket) : inject);
  const place = { host: config.host, port: config.grpcPort, variable: 'ANTIPHON_GRPC_PORT' };
  const { address, close, destroyAll } = await listen(server, place);
  return {
    address,
    async stop() {
      await Promise.all([close(), door.stop()]);
    },
    destroyAll,
    renewTls: (material) => tls?.renew(material),
  };
}

async function openHttp(plan: ServersPlan, calls: Calls, health: HealthState): Promise<Door> {
  const { config, service } = plan;
  const entrances = [
    ...(plan.health ? [{ serve: healthPage(plan.health) }] : []),
    connectEntrance(config, plan, plainServices(plan, health), calls, plan),
    openAiEntrance({ settings: config, service, calls, tools: plan }),
    jsonRpcEntrance({ settings: config, service, calls, tools: plan, metrics: () => snapshotJson(plan) }),
    ...(plan.handlers ?? []).map((serve) => ({ serve })),
  ];
  // What stands before the entry is open to everybody.
  const handlers = [corsHandler(config.corsOrigins), probeHandler(health), entryHandler(entrances, plan)];
  const leaving = () => health.get('') !== ServingStatus.SERVING;
  const door = httpDoor(config, handlers, plan, leaving, http1Limits, plan.tls);
  const place = { host: config.host, port: config.httpPort, variable: 'ANTIPHON_HTTP_PORT' };
  const { address, close, destroyAll } = await listen(door.server, place);
  return {
    address,
    async stop() {
      const closed = close();
      door.stop();
      await closed;
    },
    destroyAll,
    renewTls: door.renewTls,
  };
}
