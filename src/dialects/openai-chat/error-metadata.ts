import { asObject, asString, tryParseJson } from '../../core/json.ts';
import type { FailureKind } from '../grammar/error-kind.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';

/** What OpenRouter adds to an error: its own type of it, and the words of the provider behind it. */
export interface ErrorMetadata {
  /** Undefined: the type tells nothing that the status does not. */
  readonly kind: FailureKind | undefined;
  /** The error of the provider behind it. */
  readonly inner: ReportedError | undefined;
}

/** Reads `error.metadata`. Source: the npm package @openrouter/sdk 1.3.19, esm/models/apierrortype (2026-11-21). */
export function errorMetadata(body: unknown): ErrorMetadata {
  const outer = asObject(body);
  const metadata = asObject((asObject(outer?.error) ?? outer)?.metadata);
  const { raw, error_type: type } = metadata ?? {};
  const inner = readInner(raw);
  return { kind: kinds.get(asString(type)), inner };
}

/** `permission_denied` is not among them: a content policy may be behind it, which the words tell. */
const kinds: ReadonlyMap<string, FailureKind> = new Map([
  ['context_length_exceeded', 'context_length_exceeded'],
  ['token_limit_exceeded', 'context_length_exceeded'],
  ['max_tokens_exceeded', 'upstream_rejected'],
  ['string_too_long', 'upstream_rejected'],
  ['invalid_request', 'upstream_rejected'],
  ['invalid_prompt', 'upstream_rejected'],
  ['invalid_image', 'upstream_rejected'],
  ['precondition_failed', 'upstream_rejected'],
  ['unprocessable', 'upstream_rejected'],
  ['authentication', 'upstream_auth'],
  ['payment_required', 'upstream_billing'],
  ['rate_limit_exceeded', 'upstream_rate_limited'],
  ['provider_overloaded', 'upstream_overloaded'],
  ['provider_unavailable', 'upstream_error'],
  ['server', 'upstream_error'],
  ['not_found', 'upstream_not_found'],
  ['payload_too_large', 'request_too_large'],
  ['content_policy_violation', 'content_blocked'],
  ['refusal', 'content_blocked'],
  ['timeout', 'upstream_timeout'],
]);

/** Ids of teams and keys that are not the caller's. */
const UUID = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi;

function readInner(raw: unknown): ReportedError | undefined {
  const parsed = typeof raw === 'string' ? tryParseJson(raw) : raw;
  const error = asObject(parsed) || Array.isArray(parsed) ? parsed : { message: asString(raw) };
  const inner = reportedError(error);
  if (inner.message === '' && inner.words.trim() === '') return undefined;
  return { ...inner, message: inner.message.replace(UUID, '[id]') };
}
