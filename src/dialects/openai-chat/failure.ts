import { type ErrorFacts, errorRule, type GatewayError } from '../../core/errors.ts';
import { tryParseJson } from '../../wire/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind, impliedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, requestIdFacts } from '../grammar/failure.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';
import { retryAfterMs } from '../grammar/retry-after.ts';
import { errorMetadata } from './error-metadata.ts';

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const content = tryParseJson(body);
  const isFailed = status < 200 || status > 299;
  return failureOf(content, isFailed ? status : undefined, (kind, upstreamStatus) => {
    const waitMs = errorRule(kind).retry ? retryAfterMs(headers) : undefined;
    return {
      upstreamStatus,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
      ...requestIdFacts(headers['x-request-id']),
    };
  });
}

/** What an error inside an answer of status 200 means: the same as if it had come with its own status. */
export const reportedFailure = (content: unknown): GatewayError =>
  failureOf(content, undefined, () => {
    const { status } = reportedError(content);
    return status ? { upstreamStatus: status } : {};
  });

function failureOf(
  content: unknown,
  status: number | undefined,
  facts: (kind: FailureKind, status: number) => ErrorFacts,
): GatewayError {
  const { kind: known, inner } = errorMetadata(content);
  const reported = joined(reportedError(content), inner);
  const failed = status ?? impliedStatus(reported);
  const kind = known ?? errorKind(failed, reported);
  return failedAs(kind, reported, facts(kind, failed));
}

/** The words of the provider behind say more than those of the one in front. */
const joined = (outer: ReportedError, inner: ReportedError | undefined): ReportedError =>
  inner
    ? {
        message: inner.message || outer.message,
        words: `${outer.words} ${inner.words}`,
        code: outer.code ?? inner.code,
        status: outer.status,
      }
    : outer;
