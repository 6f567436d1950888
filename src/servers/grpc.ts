import type { DescMethod, Message } from '@bufbuild/protobuf';
import {
  type ChannelOptions,
  type ConnectionInjector,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { AdminService as AdminServiceDesc } from '#gen/antiphon/v1/admin_service_pb.js';
import type { CompleteRequest, CompleteResponse, StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { HealthRequest, HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import { LlmService as LlmServiceDesc } from '#gen/antiphon/v1/llm_service_pb.js';
import type { ListModelsRequest, ListModelsResponse } from '#gen/antiphon/v1/model_pb.js';
import type { AdminMethod, AdminService } from '../services/admin-service.ts';
import type { LlmService, StreamOut } from '../services/service.ts';
import { GrpcEntry } from './grpc-entry.ts';
import { addPlainService, grpcDefinition } from './grpc-service.ts';
import { errorResponse, metadataOf } from './grpc-status.ts';
import { type GrpcCallParts, grpcArrival, grpcUnary } from './grpc-unary.ts';
import type { PlainService } from './plain.ts';
import type { Calls, ReplyHeaders } from './rpc.ts';
import type { DoorSettings, DoorTools, Services } from './settings.ts';
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
  services: Services,
  plain: readonly PlainService[],
  calls: Calls,
  tools: DoorTools,
): GrpcDoor {
  // It would print request headers that it cannot read, and these may hold keys.
  setLogVerbosity(logVerbosity.NONE);
  const { service, admin } = services;
  const entry = new GrpcEntry({ calls, service }, tools);
  const parts = { calls, entry, clock: tools.clock };
  const server = new Server({ ...serverOptions(settings), interceptors: [entry.interceptor] });
  server.addService(grpcDefinition(LlmServiceDesc), llmHandlers(service, parts));
  if (admin) server.addService(grpcDefinition(AdminServiceDesc), adminHandlers(admin, parts));
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

const none = () => undefined;

function llmHandlers(service: LlmService, parts: GrpcCallParts) {
  const { method } = LlmServiceDesc;
  return {
    complete: grpcUnary<CompleteRequest, CompleteResponse>(
      parts,
      method.complete,
      (request) => request.context,
      (request, inbound) => service.complete(request, inbound),
    ),
    streamComplete(call: ServerWritableStream<CompleteRequest, StreamCompleteResponse>): void {
      const out = new GrpcStream(call);
      const running = parts.calls.run<void>(
        grpcArrival(parts, call, method.streamComplete, call.request.context),
        (inbound, headers) => service.streamComplete(call.request, inbound, out.with(headers)),
        { ok: () => out.end(), error: (status, headers) => out.fail(status, headers) },
      );
      call.on('cancelled', () => running.callerGone());
    },
    listModels: grpcUnary<ListModelsRequest, ListModelsResponse>(parts, method.listModels, none, (request, inbound) =>
      service.listModels(request, inbound),
    ),
    health: grpcUnary<HealthRequest, HealthResponse>(parts, method.health, none, (request, inbound) =>
      service.health(request, inbound),
    ),
  };
}

function adminHandlers(service: AdminService, parts: GrpcCallParts): UntypedServiceImplementation {
  const methods = Object.entries(AdminServiceDesc.method) as [AdminMethod, DescMethod][];
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      grpcUnary<Message, Message>(parts, method, none, (request, inbound) => service[name](request as never, inbound)),
    ]),
  );
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
