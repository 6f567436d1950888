import { create, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Attempt, AttemptSchema, type CallFailure, CallFailureSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import {
  type BadRequest,
  BadRequest_FieldViolationSchema,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type QuotaFailure,
  QuotaFailure_ViolationSchema,
  QuotaFailureSchema,
  type RetryInfo,
  RetryInfoSchema,
} from '#gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '#gen/google/rpc/status_pb.js';
import type { FieldViolation, GatewayError, GrpcCode, QuotaViolation } from '../core/errors.ts';
import type { Redact } from '../core/redact.ts';

/** One detail: those of `google.rpc`, and the contract's own. */
export type Detail =
  | { readonly desc: typeof ErrorInfoSchema; readonly value: ErrorInfo }
  | { readonly desc: typeof BadRequestSchema; readonly value: BadRequest }
  | { readonly desc: typeof QuotaFailureSchema; readonly value: QuotaFailure }
  | { readonly desc: typeof RetryInfoSchema; readonly value: RetryInfo }
  | { readonly desc: typeof CallFailureSchema; readonly value: CallFailure };

/** How a failed call ends, whatever the protocol. Small enough for the trailers of any client. */
export interface RpcStatus {
  readonly code: GrpcCode;
  /** The same for a caller over plain HTTP. */
  readonly http: number;
  readonly reason: ErrorReason;
  /** Well formed, without control characters or secrets. */
  readonly message: string;
  readonly details: readonly Detail[];
  /** A whole number; undefined: no wait is known. */
  readonly retryAfterMs: number | undefined;
}

const DOMAIN = 'antiphon.v1';

/**
 * Clients refuse trailers of more than 8 KiB altogether. The message goes out percent-encoded and, in the details, once
 * more as base64: with these bounds the two need at most 5 KiB, which leaves a good KiB for the call's own ids.
 */
const MAX_MESSAGE_CHARACTERS = 1024;
const MAX_ENCODED_MESSAGE = 1536;
const MAX_STATUS_BYTES = 2560;

const MAX_VIOLATIONS = 50;
const MAX_QUOTA_VIOLATIONS = 2;
const MAX_DESCRIPTION_CHARACTERS = 300;
const MAX_VALUE_CHARACTERS = 200;
/** How far into a longer text it is worth looking: also a bound on the time that masking secrets takes. */
const MAX_READ_CHARACTERS = 4096;
/** Room for the last violation, which says how many were left out. */
const LEFT_OUT_BYTES = 64;
/** What a detail has around it: the URL of its type, and lengths. */
const PACKING_BYTES = 64;

/** How a failure is told to the caller. Everything in it has passed `redact`. */
export function statusOf(error: GatewayError, redact: Redact): RpcStatus {
  const { detail, violations, quota, retryAfterMs, failure } = error.facts;
  const text = detail ? `${error.message}: ${detail}` : error.message;
  const message = encodable(clean(text, redact, MAX_MESSAGE_CHARACTERS));
  const waitMs = retryAfterMs === undefined ? undefined : Math.max(0, Math.ceil(retryAfterMs));
  const details: Detail[] = [{ desc: ErrorInfoSchema, value: errorInfo(error, redact) }];
  if (waitMs !== undefined) {
    details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: durationFromMs(waitMs) }) });
  }
  if (quota) details.push({ desc: QuotaFailureSchema, value: quotaFailure(quota, redact) });
  const { code, http, reason } = error.rule;
  const status = { code, http, reason, message, details, retryAfterMs: waitMs };
  if (violations?.length) {
    details.push({ desc: BadRequestSchema, value: badRequest(violations, redact, roomIn(status)) });
  }
  const shown = failure && shownFailure(failure, redact, roomIn(status));
  if (shown) details.push({ desc: CallFailureSchema, value: shown });
  return status;
}

/** How many bytes of details may be added. */
const roomIn = (status: RpcStatus): number => MAX_STATUS_BYTES - toBinary(StatusSchema, statusMessage(status)).length;

/** The same as a `google.rpc.Status`, which gRPC sends as `grpc-status-details-bin`. */
export function statusMessage({ code, message, details }: RpcStatus): Status {
  return create(StatusSchema, { code, message, details: details.map(({ desc, value }) => pack(desc, value)) });
}

const pack = <D extends DescMessage>(desc: D, value: MessageShape<D>) => anyPack(desc, value);

function errorInfo({ rule, facts }: GatewayError, redact: Redact): ErrorInfo {
  const metadata: Record<string, string> = {};
  const known = {
    provider: facts.target?.provider,
    model: facts.target?.model,
    upstream_status: facts.upstreamStatus?.toString(),
    upstream_code: facts.upstreamCode,
    upstream_request_id: facts.upstreamRequestId,
  };
  for (const [key, value] of Object.entries(known)) {
    if (value) metadata[key] = clean(value, redact, MAX_VALUE_CHARACTERS);
  }
  return create(ErrorInfoSchema, { reason: ErrorReason[rule.reason], domain: DOMAIN, metadata });
}

const quotaFailure = (quota: readonly QuotaViolation[], redact: Redact): QuotaFailure =>
  create(QuotaFailureSchema, {
    violations: quota.slice(0, MAX_QUOTA_VIOLATIONS).map(({ subject, description }) =>
      create(QuotaFailure_ViolationSchema, {
        subject: clean(subject, redact, MAX_VALUE_CHARACTERS),
        description: clean(description, redact, MAX_VALUE_CHARACTERS),
      }),
    ),
  });

/** As many violations as there is room for, and how many there are besides. */
function badRequest(violations: readonly FieldViolation[], redact: Redact, roomBytes: number): BadRequest {
  const shown = create(BadRequestSchema);
  let left = roomBytes - LEFT_OUT_BYTES;
  for (const { field, description } of violations.slice(0, MAX_VIOLATIONS)) {
    const violation = create(BadRequest_FieldViolationSchema, {
      field: clean(field, redact, MAX_VALUE_CHARACTERS),
      description: clean(description, redact, MAX_DESCRIPTION_CHARACTERS),
    });
    left -= toBinary(BadRequest_FieldViolationSchema, violation).length + 4;
    if (left < 0) break;
    shown.fieldViolations.push(violation);
  }
  const more = violations.length - shown.fieldViolations.length;
  if (more > 0) {
    shown.fieldViolations.push(
      create(BadRequest_FieldViolationSchema, { description: `${more} more violations are not shown.` }),
    );
  }
  return shown;
}

/** What was tried, without the first tries as far as there is no room for them. Undefined: there is none at all. */
function shownFailure(failure: CallFailure, redact: Redact, roomBytes: number): CallFailure | undefined {
  const selectionReason = clean(failure.selectionReason, redact, MAX_DESCRIPTION_CHARACTERS);
  const attempts = failure.attempts.map((attempt) => shownAttempt(attempt, redact));
  const shown = create(CallFailureSchema, { ...failure, attempts, selectionReason });
  const isTooLarge = () => toBinary(CallFailureSchema, shown).length > roomBytes - PACKING_BYTES;
  while (isTooLarge() && shown.attempts.length > 0) shown.attempts.shift();
  const saysSomething = shown.attempts.length > 0 || shown.usage !== undefined;
  return saysSomething && !isTooLarge() ? shown : undefined;
}

function shownAttempt(attempt: Attempt, redact: Redact): Attempt {
  const short = (text: string) => clean(text, redact, MAX_VALUE_CHARACTERS);
  return create(AttemptSchema, {
    ...attempt,
    provider: short(attempt.provider),
    model: short(attempt.model),
    leftBecause: short(attempt.leftBecause),
    upstreamRequestId: short(attempt.upstreamRequestId),
  });
}

/** Text that any protocol can carry: no secrets, no lone surrogates, no control characters, not too long. */
function clean(text: string, redact: Redact, maxCharacters: number): string {
  // A secret that the cut halves would no longer be known as one, so the end of the word at the cut goes too.
  const read = text.length > MAX_READ_CHARACTERS ? text.slice(0, MAX_READ_CHARACTERS).replace(/\S{1,256}$/, '') : text;
  const line = redact(read)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();
  return line.length > maxCharacters ? `${whole(line.slice(0, maxCharacters - 3))}...` : line;
}

/** Without the half of a character that a cut may have left at the end. */
const whole = (text: string): string => text.replace(/[\ud800-\udbff]$/, '');

/** The beginning of a text that stays in bounds when it is percent-encoded. */
function encodable(text: string): string {
  let length = 0;
  let end = 0;
  for (const character of text) {
    length += encodeURIComponent(character).length;
    if (length > MAX_ENCODED_MESSAGE) return text.slice(0, end);
    end += character.length;
  }
  return text;
}
