import type { ErrorFacts, GatewayError } from '../../core/errors.ts';
import { tryParseJson } from '../../core/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind, failedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, replyFacts } from '../grammar/failure.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';
import { errorMetadata } from './error-metadata.ts';

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  return failureOf(tryParseJson(body), status, (kind, failed) => replyFacts(kind, failed, headers));
}

/** What an error inside an answer of status 200 means: the same as if it had come with its own status. */
export const reportedFailure = (content: unknown): GatewayError =>
  failureOf(content, 200, () => {
    const { status } = reportedError(content);
    return status ? { upstreamStatus: status } : {};
  });

function failureOf(
  content: unknown,
  status: number,
  facts: (kind: FailureKind, status: number) => ErrorFacts,
): GatewayError {
  const { kind: known, inner } = errorMetadata(content);
  const reported = joined(reportedError(content), inner);
  const failed = failedStatus(status, reported);
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
