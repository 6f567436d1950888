import type { GatewayError } from '../../core/errors.ts';
import { asObject, asString, tryParseJson } from '../../core/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind, impliedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, replyFacts, requestIdFacts } from '../grammar/failure.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';
import { retryAfterMs } from '../grammar/retry-after.ts';
import { limitResetMs } from './limit-reset.ts';

/** What a failed answer means. Its body may be anything: one that is too large is refused before the API is reached. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const content = tryParseJson(body);
  const reported = read(content);
  const failed = status < 200 || status > 299 ? status : statusOf(reported);
  const kind = kindOf(failed, reported);
  const waitMs = retryAfterMs(headers) ?? limitResetMs(headers);
  const own = { waitMs, requestId: headers['request-id'] ?? requestId(content) };
  return failedAs(kind, reported, replyFacts(kind, failed, headers, own));
}

/** What an error inside an answer of status 200 means: the same as if it had come with its own status. */
export function reportedFailure(content: unknown): GatewayError {
  const reported = read(content);
  return failedAs(kindOf(statusOf(reported), reported), reported, requestIdFacts(requestId(content)));
}

const requestId = (content: unknown): string | undefined => asString(asObject(content)?.request_id) || undefined;

/** The type is broad; where there is a code for what happened, it stands in the details. */
function read(content: unknown): ReportedError {
  const reported = reportedError(content);
  const code = asString(asObject(asObject(asObject(content)?.error)?.details)?.error_code);
  return /^[a-z0-9_]{1,64}$/.test(code) ? { ...reported, code, words: `${code} ${reported.words}` } : reported;
}

/** Source: the npm package @anthropic-ai/sdk 1.11.0, resources/shared.d.ts and core/error.mjs (2026-11-21). */
const statuses: readonly (readonly [string, number])[] = [
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['conflict_error', 409],
  ['request_too_large', 413],
  ['rate_limit_error', 429],
  ['api_error', 500],
  ['timeout_error', 504],
  ['overloaded_error', 529],
];

const statusOf = (reported: ReportedError): number =>
  statuses.find(([type]) => reported.words.includes(type))?.[1] ?? impliedStatus(reported);

/** A limit on what may be spent is told as a rate limit, but waiting does not help. */
const SPENT = /\b(?:contract|enforced|linked_organization)_spend_limit_reached\b/;

/** How the API words it; only at the beginning, since further on a message may quote the caller. */
const NO_CREDIT = /^your credit balance is too low/i;
const NO_ROOM = /^input length and .{0,3}max_tokens.{0,3} exceed context limit/i;

function kindOf(status: number, reported: ReportedError): FailureKind {
  const { words, message } = reported;
  if (SPENT.test(words)) return 'upstream_billing';
  if (status === 400 && NO_CREDIT.test(message)) return 'upstream_billing';
  if (status === 400 && NO_ROOM.test(message)) return 'context_length_exceeded';
  return errorKind(status, reported);
}
