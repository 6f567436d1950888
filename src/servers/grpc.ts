import {
  type ChannelOptions,
  type ConnectionInjector,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  setLogVerbosity,
} from '@grpc/grpc-js';
import type {
  CallContext,
  CompleteRequest,
  CompleteResponse,
  StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import type { HealthRequest, HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import { LlmService as LlmServiceDesc } from '#gen/antiphon/v1/llm_service_pb.js';
import type { ListModelsRequest, ListModelsResponse } from '#gen/antiphon/v1/model_pb.js';
import type { Clock } from '../core/clock.ts';
import type { Inbound, LlmService, StreamOut } from '../services/service.ts';
import { GrpcEntry } from './grpc-entry.ts';
import { addPlainService, grpcDefinition } from './grpc-service.ts';
import { errorResponse, metadataLookup, metadataOf } from './grpc-status.ts';
import type { PlainService } from './plain.ts';
import type { Arrival, Calls, ReplyHeaders } from './rpc.ts';
import type { DoorSettings, DoorTools } from './settings.ts';
import type { RpcStatus } from './status.ts';

/** A gRPC server that is given its connections. */
export interface GrpcDoor {
  readonly connections: ConnectionInjector;
  /** Tells every client to go, takes no new call, and resolves when all connections have ended. */
  stop(): Promise<void>;
}

/**
 * The gRPC door, by grpc-js.
 *
 * It listens nowhere itself: without channelz, whose cost is a quarter of its speed, grpc-js loses track of connections
 * it could force to close. So the sockets are kept by whoever injects them.
 */
export function grpcDoor(
  settings: DoorSettings,
  service: LlmService,
  plain: readonly PlainService[],
  calls: Calls,
  tools: DoorTools,
): GrpcDoor {
  // It would print request headers that it cannot read, and these may hold keys.
  setLogVerbosity(logVerbosity.NONE);
  const entry = new GrpcEntry({ calls, service }, tools);
  const server = new Server({ ...serverOptions(settings), interceptors: [entry.interceptor] });
  server.addService(grpcDefinition(LlmServiceDesc), llmHandlers(service, calls, entry, tools.clock));
  for (const each of plain) addPlainService(server, each);
  return {
    connections: server.createConnectionInjector(ServerCredentials.createInsecure()),
    stop: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
  };
}

function serverOptions(settings: DoorSettings): ChannelOptions {
  const { maxConnectionAgeMs } = settings;
  return {
    'grpc.max_receive_message_length': settings.maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': settings.maxConcurrentStreams,
    'grpc.keepalive_time_ms': settings.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': settings.keepaliveTimeoutMs,
    ...(maxConnectionAgeMs === undefined ? {} : { 'grpc.max_connection_age_ms': maxConnectionAgeMs }),
    'grpc.max_connection_age_grace_ms': settings.maxConnectionAgeGraceMs,
    'grpc.enable_channelz': 0,
  };
}

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

function llmHandlers(service: LlmService, calls: Calls, entry: GrpcEntry, clock: Clock) {
  const { method } = LlmServiceDesc;
  const arrival = (call: AnyCall, { name }: { name: string }, fields: CallContext | undefined): Arrival => ({
    method: `${LlmServiceDesc.typeName}/${name}`,
    system: 'grpc',
    caller: entry.callerOf(call.metadata),
    fields,
    header: metadataLookup(call.metadata),
    deadlineMs: deadline(call, clock),
  });
  const unary = <Q, A>(
    desc: { name: string },
    context: (request: Q) => CallContext | undefined,
    work: (request: Q, inbound: Inbound) => Promise<A>,
  ) => {
    return (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>): void => {
      const running = calls.run<A>(
        arrival(call, desc, context(call.request)),
        (inbound) => work(call.request, inbound),
        {
          ok(answer, headers) {
            call.sendMetadata(metadataOf(headers));
            callback(null, answer);
          },
          error: (status, headers) => callback(errorResponse(status, headers)),
        },
      );
      call.on('cancelled', () => running.callerGone());
    };
  };
  const none = () => undefined;
  return {
    complete: unary<CompleteRequest, CompleteResponse>(
      method.complete,
      (request) => request.context,
      (request, inbound) => service.complete(request, inbound),
    ),
    streamComplete(call: ServerWritableStream<CompleteRequest, StreamCompleteResponse>): void {
      const out = new GrpcStream(call);
      const running = calls.run<void>(
        arrival(call, method.streamComplete, call.request.context),
        (inbound, headers) => service.streamComplete(call.request, inbound, out.with(headers)),
        { ok: () => out.end(), error: (status, headers) => out.fail(status, headers) },
      );
      call.on('cancelled', () => running.callerGone());
    },
    listModels: unary<ListModelsRequest, ListModelsResponse>(method.listModels, none, (request, inbound) =>
      service.listModels(request, inbound),
    ),
    health: unary<HealthRequest, HealthResponse>(method.health, none, (request, inbound) =>
      service.health(request, inbound),
    ),
  };
}

/** grpc-js gives the deadline as a wall time. */
function deadline(call: AnyCall, clock: Clock): number | undefined {
  const wallMs = Number(call.getDeadline());
  return Number.isFinite(wallMs) ? clock.now() + wallMs - clock.wallMs() : undefined;
}

/**
 * Writes straight into a call. The reply's headers go out with the first message and not before, so that a failure until
 * then is a plain status that a client's retry policy may handle.
 */
class GrpcStream implements StreamOut {
  readonly #call: ServerWritableStream<CompleteRequest, StreamCompleteResponse>;
  #headers: ReplyHeaders = {};
  #started = false;
  #over = false;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(call: ServerWritableStream<CompleteRequest, StreamCompleteResponse>) {
    this.#call = call;
    call.on('drain', () => this.#makeRoom());
  }

  with(headers: ReplyHeaders): this {
    this.#headers = headers;
    return this;
  }

  write(message: StreamCompleteResponse): boolean {
    if (this.#over) return true;
    if (!this.#started) {
      this.#started = true;
      this.#call.sendMetadata(metadataOf(this.#headers));
    }
    return this.#call.write(message);
  }

  drained(): Promise<void> {
    if (this.#over || !this.#call.writableNeedDrain) return Promise.resolve();
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  end(): void {
    this.#finish();
    this.#call.end();
  }

  fail(status: RpcStatus, headers: ReplyHeaders): void {
    this.#finish();
    if (this.#call.cancelled) return;
    this.#call.emit('error', errorResponse(status, this.#started ? {} : headers));
  }

  #finish(): void {
    this.#over = true;
    this.#makeRoom();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
