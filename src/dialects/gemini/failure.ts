import type { GatewayError } from '../../core/errors.ts';
import { tryParseJson } from '../../core/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind, failedStatus, impliedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, replyFacts } from '../grammar/failure.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';
import { type ErrorDetails, errorDetails } from './error-details.ts';
import { isQuotaGone } from './quota.ts';
import { retryDelayMs } from './retry-delay.ts';

type Headers = FailedReply['headers'];

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const content = tryParseJson(body);
  return failureOf(content, failedStatus(status, reportedError(content)), headers);
}

/** What an error inside an answer of status 200 means: the same as if it had come with its own status. */
export const reportedFailure = (content: unknown): GatewayError =>
  failureOf(content, impliedStatus(reportedError(content)), {});

/** A prompt that a content policy refused, which the provider reports with status 200 and no answer. */
export const blockedPrompt = (reason: string): GatewayError =>
  failedAs('content_blocked', { message: '', code: /^[A-Z_]{1,64}$/.test(reason) ? reason : undefined }, {});

function failureOf(content: unknown, status: number, headers: Headers): GatewayError {
  const reported = reportedError(content);
  const details = errorDetails(content);
  const kind = failureKind(status, reported, details);
  const waitMs = retryDelayMs(details, reported);
  const said = { message: reported.message, code: details.reason ?? reported.code };
  return failedAs(kind, said, replyFacts(kind, status, headers, { waitMs }));
}

/** Reasons that say more than the status. Source: google.rpc.ErrorInfo, as the provider fills it (2026-11-21). */
const byReason: Readonly<Record<string, FailureKind>> = {
  API_KEY_INVALID: 'upstream_auth',
  API_KEY_EXPIRED: 'upstream_auth',
  MODEL_CAPACITY_EXHAUSTED: 'upstream_overloaded',
};

function failureKind(status: number, reported: ReportedError, details: ErrorDetails): FailureKind {
  const stated = details.reason === undefined ? undefined : byReason[details.reason];
  if (stated) return stated;
  if (status === 429 && isQuotaGone(reported, details)) return 'upstream_billing';
  if (reported.words.includes('failed_precondition') && /\bbilling\b/i.test(reported.message))
    return 'upstream_billing';
  return status === CANCELLED ? 'upstream_timeout' : errorKind(status, reported);
}

/** The provider gave up on the request, which it has no other status for. */
const CANCELLED = 499;
