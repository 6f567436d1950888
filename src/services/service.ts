import type {
  CallContext,
  CompleteRequest,
  CompleteResponse,
  StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import type { HealthRequest, HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import type { ListModelsRequest, ListModelsResponse } from '#gen/antiphon/v1/model_pb.js';
import type { Caller } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Span } from '../core/span.ts';

/** What a door tells of a call, whatever its protocol. */
export interface Inbound {
  /** The gateway's id of the call. */
  readonly id: string;
  /** Who calls: those whom the door has let in. */
  readonly caller: Caller;
  /** The ids of the call, complete. */
  readonly context: CallContext;
  /** Aborts when the caller cancels or goes away, or the gateway stops. Its reason is a GatewayError. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, by the clock; undefined: never. */
  readonly deadlineMs: number | undefined;
  /** When the call came, by the clock. */
  readonly receivedMs: number;
  /** The SERVER span. The door ends it. */
  readonly span: Span;
  /** Answers the caller with this error at once, though the work goes on. Undefined: the door waits for the work. */
  readonly letGo?: (error: GatewayError) => void;
}

/** Where a door takes the messages of a stream. */
export interface StreamOut {
  /** False: the caller's buffer is full, write no more until `drained` resolves. */
  write(message: StreamCompleteResponse): boolean;
  /** Resolves when there is room again, or the caller has gone. Never rejects. */
  drained(): Promise<void>;
}

/** antiphon.v1.LlmService, without a protocol. Errors: GatewayError. */
export interface LlmService {
  complete(request: CompleteRequest, inbound: Inbound): Promise<CompleteResponse>;
  /** Resolves after `completed` was written. Rejects instead if the answer is not whole. */
  streamComplete(request: CompleteRequest, inbound: Inbound, out: StreamOut): Promise<void>;
  listModels(request: ListModelsRequest, inbound: Inbound): Promise<ListModelsResponse>;
  /** Records a call that a door refused, since what came is no request. Whatever was thrown becomes its error. */
  refuse(thrown: unknown, inbound: Inbound): void;
  health(request: HealthRequest, inbound: Inbound): Promise<HealthResponse>;
}
