import { constants, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { anonymous, type Caller } from '../core/call.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import { errorResponse, metadataLookup } from './grpc-status.ts';
import { isCompletion, isOpenMethod, isTraced } from './open-methods.ts';
import { type RefusalParts, refuseCall } from './refusal.ts';
import type { ReplyHeaders } from './rpc.ts';
import type { DoorTools } from './settings.ts';
import { type RpcStatus, statusOf } from './status.ts';

type EntryTools = Pick<DoorTools, 'access' | 'clock' | 'redact'>;

/** Lets callers in on grpc-js, which reads nothing of a body before its interceptors have passed the headers on. */
export class GrpcEntry {
  readonly #parts: RefusalParts;
  readonly #tools: EntryTools;
  /** By the headers of their calls, which are one object from here to the handler. */
  readonly #callers = new WeakMap<Metadata, Caller>();

  constructor(parts: RefusalParts, tools: EntryTools) {
    this.#parts = parts;
    this.#tools = tools;
  }

  readonly interceptor: ServerInterceptor = ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            const caller = this.#admit(path, metadata);
            if (caller instanceof Error) return this.#refuse(path, metadata, caller, call);
            this.#callers.set(metadata, caller);
            pass(metadata);
          },
        }),
    });

  /** Who makes a call that was let in. Errors: a defect, if it was not. */
  callerOf(metadata: Metadata): Caller {
    const caller = this.#callers.get(metadata);
    if (!caller) throw new Error('a call came in without a caller');
    return caller;
  }

  #admit(path: string, metadata: Metadata): Caller | GatewayError {
    if (isOpenMethod(path)) return anonymous;
    try {
      return this.#tools.access.authenticate(metadataLookup(metadata));
    } catch (thrown) {
      return toGatewayError(thrown);
    }
  }

  /** Only calls of the contract are traced. */
  #refuse(path: string, metadata: Metadata, error: GatewayError, call: ServerInterceptingCallInterface): void {
    const method = path.slice(1);
    const answer = (status: RpcStatus, headers: ReplyHeaders) => {
      call.sendStatus(errorResponse(status, headers));
      this.#tools.clock.after(0, () => streamOf(call)?.close(constants.NGHTTP2_NO_ERROR));
    };
    if (!isTraced(method)) return answer(statusOf(error, this.#tools.redact), {});
    const arrival = { method, system: 'grpc', header: metadataLookup(metadata) } as const;
    refuseCall(this.#parts, arrival, error, isCompletion(method), { ok: () => undefined, error: answer });
  }
}

/**
 * What a call goes over. grpc-js keeps it to itself, and leaves the stream of a call that was answered early open for as
 * long as its caller goes on sending.
 */
function streamOf(call: ServerInterceptingCallInterface): Pick<ServerHttp2Stream, 'close'> | undefined {
  const { stream } = call as { readonly stream?: unknown };
  return stream instanceof Duplex && 'close' in stream ? (stream as ServerHttp2Stream) : undefined;
}
