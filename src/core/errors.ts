import type { CallFailure } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { Target } from './target.ts';

/** gRPC status codes by name. Source: https://grpc.io/docs/guides/status-codes/ (2026-11-21). */
export const grpcCode = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode];

/** Who has to act for the call to succeed. */
export type Fault = 'caller' | 'policy' | 'provider' | 'gateway';

/** What everyone needs to know about a kind of error. Nothing outside this table contains a status code. */
export interface ErrorRule {
  readonly reason: ErrorReason;
  readonly code: GrpcCode;
  readonly http: number;
  /** May the same target be tried again? */
  readonly retry: boolean;
  /** May the next target be tried? */
  readonly next: boolean;
  /** Does it count against the target's breaker? */
  readonly trips: boolean;
  readonly fault: Fault;
}

const g = grpcCode;
const R = ErrorReason;

function rule(reason: ErrorReason, code: GrpcCode, http: number, fault: Fault, may = ''): ErrorRule {
  const has = (word: string) => may.includes(word);
  return { reason, code, http, fault, retry: has('retry'), next: has('next'), trips: has('trips') };
}

/** The one total table: a kind does not compile until its row exists. */
const table = {
  invalid_request: rule(R.INVALID_REQUEST, g.invalidArgument, 400, 'caller'),
  field_not_supported: rule(R.FIELD_NOT_SUPPORTED, g.unimplemented, 501, 'caller'),
  request_too_large: rule(R.REQUEST_TOO_LARGE, g.resourceExhausted, 413, 'caller'),
  unauthenticated: rule(R.UNAUTHENTICATED, g.unauthenticated, 401, 'caller'),
  permission_denied: rule(R.PERMISSION_DENIED, g.permissionDenied, 403, 'policy'),
  model_not_allowed: rule(R.MODEL_NOT_ALLOWED, g.permissionDenied, 403, 'policy'),
  model_not_found: rule(R.MODEL_NOT_FOUND, g.notFound, 404, 'caller'),
  provider_not_configured: rule(R.PROVIDER_NOT_CONFIGURED, g.failedPrecondition, 400, 'gateway'),
  model_lacks_ability: rule(R.MODEL_LACKS_ABILITY, g.invalidArgument, 400, 'caller', 'next'),
  rate_limited: rule(R.RATE_LIMITED, g.resourceExhausted, 429, 'policy', 'next'),
  budget_exceeded: rule(R.BUDGET_EXCEEDED, g.resourceExhausted, 429, 'policy', 'next'),
  overloaded: rule(R.OVERLOADED, g.resourceExhausted, 429, 'gateway'),
  queue_full: rule(R.QUEUE_FULL, g.resourceExhausted, 429, 'gateway', 'next'),
  idempotency_in_progress: rule(R.IDEMPOTENCY_IN_PROGRESS, g.aborted, 409, 'caller'),
  idempotency_mismatch: rule(R.IDEMPOTENCY_MISMATCH, g.invalidArgument, 422, 'caller'),
  cache_miss: rule(R.CACHE_MISS, g.notFound, 404, 'caller'),
  deadline_exceeded: rule(R.DEADLINE_EXCEEDED, g.deadlineExceeded, 504, 'caller'),
  cancelled: rule(R.CANCELLED, g.cancelled, 499, 'caller'),
  slow_consumer: rule(R.SLOW_CONSUMER, g.unavailable, 503, 'caller'),
  shutting_down: rule(R.SHUTTING_DOWN, g.unavailable, 503, 'gateway'),
  internal: rule(R.INTERNAL, g.internal, 500, 'gateway'),
  not_found: rule(R.NOT_FOUND, g.notFound, 404, 'caller'),
  already_exists: rule(R.ALREADY_EXISTS, g.alreadyExists, 409, 'caller'),
  failed_precondition: rule(R.FAILED_PRECONDITION, g.failedPrecondition, 400, 'caller'),
  conflict: rule(R.CONFLICT, g.aborted, 409, 'caller'),
  store_unavailable: rule(R.STORE_UNAVAILABLE, g.unavailable, 503, 'gateway'),
  upstream_unreachable: rule(R.UPSTREAM_UNREACHABLE, g.unavailable, 502, 'provider', 'retry next trips'),
  upstream_tls: rule(R.UPSTREAM_TLS, g.unavailable, 502, 'provider', 'next trips'),
  upstream_timeout: rule(R.UPSTREAM_TIMEOUT, g.unavailable, 504, 'provider', 'retry next trips'),
  upstream_reset: rule(R.UPSTREAM_RESET, g.unavailable, 502, 'provider', 'retry next trips'),
  upstream_incomplete: rule(R.UPSTREAM_INCOMPLETE, g.unavailable, 502, 'provider', 'retry next trips'),
  upstream_bad_response: rule(R.UPSTREAM_BAD_RESPONSE, g.unavailable, 502, 'provider', 'retry next trips'),
  upstream_too_large: rule(R.UPSTREAM_TOO_LARGE, g.resourceExhausted, 502, 'provider', 'next'),
  upstream_rejected: rule(R.UPSTREAM_REJECTED, g.invalidArgument, 400, 'caller'),
  context_length_exceeded: rule(R.CONTEXT_LENGTH_EXCEEDED, g.invalidArgument, 400, 'caller', 'next'),
  content_blocked: rule(R.CONTENT_BLOCKED, g.invalidArgument, 400, 'caller'),
  upstream_not_found: rule(R.UPSTREAM_NOT_FOUND, g.notFound, 404, 'caller', 'next'),
  upstream_auth: rule(R.UPSTREAM_AUTH, g.failedPrecondition, 502, 'gateway', 'next trips'),
  upstream_billing: rule(R.UPSTREAM_BILLING, g.failedPrecondition, 502, 'gateway', 'next trips'),
  upstream_rate_limited: rule(R.UPSTREAM_RATE_LIMITED, g.resourceExhausted, 429, 'provider', 'retry next'),
  upstream_overloaded: rule(R.UPSTREAM_OVERLOADED, g.unavailable, 503, 'provider', 'retry next trips'),
  upstream_error: rule(R.UPSTREAM_ERROR, g.unavailable, 502, 'provider', 'retry next trips'),
  circuit_open: rule(R.CIRCUIT_OPEN, g.unavailable, 503, 'provider', 'next'),
} as const satisfies Record<string, ErrorRule>;

export type ErrorKind = keyof typeof table;

export const errorKinds = Object.keys(table) as readonly ErrorKind[];

export const errorRule = (kind: ErrorKind): ErrorRule => table[kind];

/** A field at fault. `field` is a path such as `messages[0].content[1].image.url`, in the proto's names. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** A limit that has no room, for `google.rpc.QuotaFailure`. */
export interface QuotaViolation {
  /** Whose limit it is. */
  readonly subject: string;
  readonly description: string;
}

export interface ErrorFacts {
  /** Goes to the log, never to the caller. */
  readonly cause?: unknown;
  /**
   * The provider's own words, for the caller only. Whoever sets it has removed secrets and quoted prompt text; it is
   * not logged.
   */
  readonly detail?: string;
  readonly violations?: readonly FieldViolation[];
  readonly quota?: readonly QuotaViolation[];
  readonly target?: Target;
  /** How long to wait before another try, if known. */
  readonly retryAfterMs?: number;
  /** Whether another try makes sense, by the provider's own word. */
  readonly shouldRetry?: boolean;
  readonly upstreamStatus?: number;
  /** The provider's own code for the failure, as an identifier of at most 64 characters. */
  readonly upstreamCode?: string;
  readonly upstreamRequestId?: string;
  /** What was tried, and what that will have cost. */
  readonly failure?: CallFailure;
}

/**
 * Any failure of a call. `message` is safe to show: it says what happened and what to do, and carries no secret, no
 * prompt text and no stack.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly kind: ErrorKind;
  readonly facts: ErrorFacts;

  constructor(kind: ErrorKind, message: string, facts: ErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.kind = kind;
    this.facts = facts;
  }

  get rule(): ErrorRule {
    return table[this.kind];
  }

  /** The same error with more facts; those it already has stay. */
  with(facts: ErrorFacts): GatewayError {
    return new GatewayError(this.kind, this.message, { ...facts, ...this.facts });
  }

  /** The same error with another time to wait, in milliseconds. */
  withWait(retryAfterMs: number): GatewayError {
    return new GatewayError(this.kind, this.message, { ...this.facts, retryAfterMs });
  }
}

/** Whatever was thrown, as a GatewayError: anything unforeseen is `internal`, with the cause kept for the log. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('internal', 'The gateway failed on this call. Report its x-request-id.', { cause: thrown });
}
