import type { handleUnaryCall, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { CallContext } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../core/clock.ts';
import type { Inbound } from '../services/service.ts';
import type { GrpcEntry } from './grpc-entry.ts';
import { errorResponse, metadataLookup, metadataOf } from './grpc-status.ts';
import type { Arrival, Calls } from './rpc.ts';

export interface GrpcCallParts {
  readonly calls: Calls;
  readonly entry: GrpcEntry;
  readonly clock: Clock;
}

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** A method, as generated. */
interface Method {
  readonly name: string;
  readonly parent: { readonly typeName: string };
}

/** `fields`: what the request says of its context. */
export const grpcArrival = (
  { entry, clock }: GrpcCallParts,
  call: AnyCall,
  { name, parent }: Method,
  fields: CallContext | undefined,
): Arrival => ({
  method: `${parent.typeName}/${name}`,
  system: 'grpc',
  caller: entry.callerOf(call.metadata),
  fields,
  header: metadataLookup(call.metadata),
  deadlineMs: deadline(call, clock),
});

/** Serves a method of one request and one answer. `context`: what a request says of its context. */
export const grpcUnary =
  <Q, A>(
    parts: GrpcCallParts,
    method: Method,
    context: (request: Q) => CallContext | undefined,
    work: (request: Q, inbound: Inbound) => Promise<A>,
  ): handleUnaryCall<Q, A> =>
  (call, callback) => {
    const arrival = grpcArrival(parts, call, method, context(call.request));
    const running = parts.calls.run<A>(arrival, (inbound) => work(call.request, inbound), {
      ok(answer, headers) {
        call.sendMetadata(metadataOf(headers));
        callback(null, answer);
      },
      error: (status, headers) => callback(errorResponse(status, headers)),
    });
    call.on('cancelled', () => running.callerGone());
  };

/** grpc-js gives the deadline as a wall time. */
function deadline(call: AnyCall, clock: Clock): number | undefined {
  const wallMs = Number(call.getDeadline());
  return Number.isFinite(wallMs) ? clock.now() + wallMs - clock.wallMs() : undefined;
}
