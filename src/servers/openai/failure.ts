import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { type CallFailure, CallFailureSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { RpcStatus } from '../status.ts';

/** How a failed request is answered: status, headers and body in OpenAI's format. */
export interface HttpFailure {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: ErrorBody };
}

export interface ErrorBody {
  readonly message: string;
  readonly type: string;
  /** The field at fault, if it is one. */
  readonly param: string | null;
  readonly code: string;
  readonly antiphon: ErrorFacts;
}

/** What a gRPC caller reads in the details of the status. */
export interface ErrorFacts {
  readonly reason: string;
  /** The provider, the model, and what the provider said of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly field_violations?: readonly { readonly field: string; readonly description: string }[];
  /** The limits that had no room: a QuotaFailure's. */
  readonly quota_violations?: readonly { readonly subject: string; readonly description: string }[];
  /** What was tried, and what it will have cost: a CallFailure. */
  readonly call_failure?: JsonValue;
}

const SNAKE_CASE = { useProtoFieldName: true };

/** The codes of OpenAI that clients compare with, where ours is called otherwise. */
const codes: Readonly<Partial<Record<ErrorReason, string>>> = {
  [ErrorReason.UNAUTHENTICATED]: 'invalid_api_key',
  [ErrorReason.RATE_LIMITED]: 'rate_limit_exceeded',
  [ErrorReason.UPSTREAM_RATE_LIMITED]: 'rate_limit_exceeded',
  [ErrorReason.BUDGET_EXCEEDED]: 'insufficient_quota',
  [ErrorReason.UPSTREAM_NOT_FOUND]: 'model_not_found',
};

/** Refusals of the gateway itself that pass by waiting: nothing was repeated yet. */
const worthRepeating: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.OVERLOADED,
  ErrorReason.QUEUE_FULL,
  ErrorReason.RATE_LIMITED,
  ErrorReason.SHUTTING_DOWN,
]);

/** The longest wait that OpenAI's clients obey: they take their own if a longer one is named. */
const MAX_WAIT_S = 60;

/**
 * The same failure in OpenAI's format. `x-should-retry` tells its clients to leave repeating to the gateway, which has
 * done what makes sense; they would multiply the tries.
 */
export function httpFailure({ http, reason, message, details, retryAfterMs }: RpcStatus): HttpFailure {
  const violations = details.flatMap(({ value }) =>
    'fieldViolations' in value ? value.fieldViolations.map(({ field, description }) => ({ field, description })) : [],
  );
  const quota = details.flatMap(({ value }) =>
    'violations' in value ? value.violations.map(({ subject, description }) => ({ subject, description })) : [],
  );
  const failure = details.find(({ desc }) => desc === CallFailureSchema)?.value;
  const [metadata = {}] = details.flatMap(({ value }) => ('metadata' in value ? [value.metadata] : []));
  const shouldRetry = worthRepeating.has(reason) && (retryAfterMs ?? 0) <= MAX_WAIT_S * 1000;
  const wait =
    retryAfterMs === undefined
      ? {}
      : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)), 'retry-after-ms': String(retryAfterMs) };
  return {
    status: http,
    headers: { 'x-should-retry': String(shouldRetry), ...wait },
    body: {
      error: {
        message,
        type: typeOf(http, reason),
        param: violations[0]?.field || null,
        code: codeOf(reason),
        antiphon: {
          reason: ErrorReason[reason] ?? '',
          metadata,
          ...(violations.length > 0 ? { field_violations: violations } : {}),
          ...(quota.length > 0 ? { quota_violations: quota } : {}),
          ...(failure ? { call_failure: toJson(CallFailureSchema, failure as CallFailure, SNAKE_CASE) } : {}),
        },
      },
    },
  };
}

const codeOf = (reason: ErrorReason): string => codes[reason] ?? (ErrorReason[reason] ?? 'unknown').toLowerCase();

function typeOf(http: number, reason: ErrorReason): string {
  if (reason === ErrorReason.BUDGET_EXCEEDED) return 'insufficient_quota';
  if (http === 401) return 'authentication_error';
  if (http === 403) return 'permission_error';
  if (http === 429) return 'rate_limit_error';
  return http < 500 ? 'invalid_request_error' : 'server_error';
}
