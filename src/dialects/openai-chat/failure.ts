import { type ErrorFacts, errorRule, GatewayError } from '../../core/errors.ts';
import { tryParseJson } from '../../wire/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind, impliedStatus } from './error-kind.ts';
import { type ReportedError, reportedError } from './reported-error.ts';
import { retryAfterMs } from './retry-after.ts';

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const reported = reportedError(tryParseJson(body));
  const failed = status < 200 || status > 299 ? status : impliedStatus(reported);
  const kind = errorKind(failed, reported);
  const waitMs = errorRule(kind).retry ? retryAfterMs(headers) : undefined;
  const requestId = headers['x-request-id'] ?? '';
  return gatewayError(kind, reported, {
    upstreamStatus: failed,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...(/^[\x21-\x7e]{1,128}$/.test(requestId) ? { upstreamRequestId: requestId } : {}),
  });
}

/** What an error inside an answer of status 200 means: the same as if it had come with its own status. */
export function reportedFailure(content: unknown): GatewayError {
  const reported = reportedError(content);
  const { status } = reported;
  return gatewayError(errorKind(impliedStatus(reported), reported), reported, status ? { upstreamStatus: status } : {});
}

/** The provider's own words go only to a caller who can act on them. */
function gatewayError(kind: FailureKind, { message, code }: ReportedError, facts: ErrorFacts): GatewayError {
  const detail = errorRule(kind).fault === 'caller' ? tidy(message) : '';
  return new GatewayError(kind, sentences[kind], {
    ...facts,
    ...(code === undefined ? {} : { upstreamCode: code }),
    ...(detail === '' ? {} : { detail }),
  });
}

const MAX_DETAIL_CHARACTERS = 500;

/** One line of whole characters. */
function tidy(words: string): string {
  const line = words
    .slice(0, 4 * MAX_DETAIL_CHARACTERS)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line
    .slice(0, MAX_DETAIL_CHARACTERS)
    .replace(/[\ud800-\udbff]$/, '')
    .toWellFormed();
}

const sentences: Readonly<Record<FailureKind, string>> = {
  upstream_timeout: 'The provider took too long to answer. Try again.',
  upstream_bad_response:
    'The provider answered with a redirect or an unknown status, and redirects are never followed. Check its base URL.',
  upstream_rejected: 'The provider refused the request as invalid. Change it before trying again.',
  upstream_not_found: 'The provider has no such model, or not for this account. Check the model id.',
  upstream_auth: "The provider refused the gateway's credential. The operator has to check the key and its rights.",
  upstream_billing: "The gateway's account at the provider has no credit or quota left. The operator has to add some.",
  upstream_rate_limited: "The provider's rate limit is reached. Try again later.",
  upstream_overloaded: 'The provider is overloaded. Try again later.',
  upstream_error: 'The provider failed. Try again later.',
  context_length_exceeded:
    "The conversation does not fit into the model's context window. Shorten it, or use another model.",
  content_blocked: "The provider's content policy refused the request. Change its content.",
  request_too_large: 'The request is larger than the provider accepts. Send less or smaller content.',
};
