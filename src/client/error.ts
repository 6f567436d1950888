import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { type CallFailure, CallFailureSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.js';

/** The gRPC status, as Connect writes it. */
export type ErrorCode = (typeof codes)[Code];

/** The name of a value of ErrorReason. A newer gateway may give others. */
export type Reason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'> | (string & Record<never, never>);

/** A field of the request that breaks its rule, and what the rule is. */
export interface FieldViolation {
  /** For example "messages[0].content". */
  readonly field: string;
  readonly description: string;
}

export interface ErrorFacts {
  readonly reason?: Reason | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly fieldViolations?: readonly FieldViolation[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly callFailure?: CallFailure | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** Why a call failed. */
export class AntiphonError extends Error {
  readonly code: ErrorCode;
  /** What the gateway says. Undefined: nothing, for example since it could not be reached. */
  readonly reason: Reason | undefined;
  /** When another try may work, in milliseconds from now. Undefined: not known. */
  readonly retryAfterMs: number | undefined;
  /** What is wrong with the request, field by field. */
  readonly fieldViolations: readonly FieldViolation[];
  /** Where they are known: `provider`, `model`, `upstream_status`, `upstream_code`, `upstream_request_id`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What was tried at providers, and what it cost. Undefined: nothing was tried. */
  readonly callFailure: CallFailure | undefined;
  /** The call's id in the gateway's log. Undefined: the gateway did not answer. */
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, 'cause' in facts ? { cause: facts.cause } : {});
    this.name = 'AntiphonError';
    this.code = code;
    this.reason = facts.reason;
    this.retryAfterMs = facts.retryAfterMs;
    this.fieldViolations = facts.fieldViolations ?? [];
    this.metadata = facts.metadata ?? {};
    this.callFailure = facts.callFailure;
    this.requestId = facts.requestId;
  }
}

const codes = {
  [Code.Canceled]: 'canceled',
  [Code.Unknown]: 'unknown',
  [Code.InvalidArgument]: 'invalid_argument',
  [Code.DeadlineExceeded]: 'deadline_exceeded',
  [Code.NotFound]: 'not_found',
  [Code.AlreadyExists]: 'already_exists',
  [Code.PermissionDenied]: 'permission_denied',
  [Code.ResourceExhausted]: 'resource_exhausted',
  [Code.FailedPrecondition]: 'failed_precondition',
  [Code.Aborted]: 'aborted',
  [Code.OutOfRange]: 'out_of_range',
  [Code.Unimplemented]: 'unimplemented',
  [Code.Internal]: 'internal',
  [Code.Unavailable]: 'unavailable',
  [Code.DataLoss]: 'data_loss',
  [Code.Unauthenticated]: 'unauthenticated',
} as const satisfies Record<Code, string>;

/** What a call that was going on when it failed knows of itself. */
export interface Failing {
  readonly signal?: AbortSignal | undefined;
  readonly requestId?: string | undefined;
}

/** What a call throws, made of what its transport threw. */
export function antiphonError(thrown: unknown, { signal, requestId }: Failing): AntiphonError {
  if (thrown instanceof AntiphonError) return thrown;
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const [badRequest] = error.findDetails(BadRequestSchema);
  const code = info ? error.code : ownCode(error);
  return new AntiphonError(codes[code] ?? 'unknown', messageOf(error, code), {
    reason: info?.reason ?? ownReasons[code],
    retryAfterMs: retry?.retryDelay && durationMs(retry.retryDelay),
    fieldViolations: (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    metadata: info?.metadata ?? {},
    callFailure: error.findDetails(CallFailureSchema)[0],
    requestId: error.metadata.get('x-request-id') ?? requestId,
    cause: code === Code.Canceled && signal?.aborted ? signal.reason : error,
  });
}

/** What this side finds out itself has the reason that the gateway gives for it. */
const ownReasons: Partial<Record<Code, Reason>> = {
  [Code.Canceled]: 'CANCELLED',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
};

/** What `fetch` throws says nothing of a status: there was no answer, or it broke off. */
const ownCode = ({ code, cause }: ConnectError): Code =>
  code === Code.Unknown && cause !== undefined ? Code.Unavailable : code;

const messageOf = ({ code, rawMessage }: ConnectError, shown: Code): string =>
  code === shown ? rawMessage : `The connection to the gateway failed: ${rawMessage}`;
