import { type ErrorFacts, errorRule, GatewayError } from '../../core/errors.ts';
import type { FailedReply } from '../dialect.ts';
import type { FailureKind } from './error-kind.ts';
import { retryAfterMs, shouldRetry } from './retry-after.ts';

/** What a provider says of a failure: its own words, and its own code if that is an identifier. */
export interface SaidOfFailure {
  readonly message: string;
  readonly code: string | undefined;
}

/** The failure as an error. The provider's own words go only to a caller who can act on them. */
export function failed(kind: FailureKind, { message, code }: SaidOfFailure, facts: ErrorFacts): GatewayError {
  const detail = errorRule(kind).fault === 'caller' ? tidy(message) : '';
  return new GatewayError(kind, sentences[kind], {
    ...facts,
    ...(code === undefined ? {} : { upstreamCode: code }),
    ...(detail === '' ? {} : { detail }),
  });
}

/** An id as it may go into headers and logs. */
export const requestIdFacts = (id: string | undefined): ErrorFacts =>
  id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? { upstreamRequestId: id } : {};

/** What a dialect reads in a place of its own. What it does not find there is read in the usual one. */
interface ReadElsewhere {
  readonly waitMs?: number | undefined;
  readonly requestId?: string | undefined;
}

/** What is known of a failed reply. What is said of another try is told only where one makes sense. */
export function replyFacts(
  kind: FailureKind,
  upstreamStatus: number,
  headers: FailedReply['headers'],
  { waitMs = retryAfterMs(headers), requestId = headers['x-request-id'] }: ReadElsewhere = {},
): ErrorFacts {
  const said = shouldRetry(headers);
  const mayRepeat = errorRule(kind).retry;
  return {
    upstreamStatus,
    ...(mayRepeat && waitMs !== undefined ? { retryAfterMs: waitMs } : {}),
    ...(mayRepeat && said !== undefined ? { shouldRetry: said } : {}),
    ...requestIdFacts(requestId),
  };
}

/** Ids of organizations and projects at OpenAI: they are the gateway's, not the caller's. */
const OWN_IDS = /\b(?:org-|proj_)[A-Za-z0-9]{8,}/g;

const MAX_DETAIL_CHARACTERS = 500;

/** One line of whole characters. */
function tidy(words: string): string {
  const line = words
    .slice(0, 4 * MAX_DETAIL_CHARACTERS)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .replace(OWN_IDS, '[id]')
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

/** Said where an answer is no answer in the provider's own format. */
export const notAnAnswer = (): GatewayError =>
  new GatewayError(
    'upstream_bad_response',
    'The provider sent JSON that is not an answer in its own format. Try again, or try another model.',
  );

/** Said where an answer breaks its own format: "a tool call without a name". */
export const badAnswer = (what: string): GatewayError =>
  new GatewayError('upstream_bad_response', `The provider sent ${what}. Try again.`);

/** Said where an answer ended before it was whole. */
export const notWhole = (): GatewayError =>
  new GatewayError(
    'upstream_incomplete',
    "The provider's answer ended before it was whole: it gave no finish reason. Try again.",
  );
