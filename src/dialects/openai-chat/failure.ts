import { errorRule, type GatewayError } from '../../core/errors.ts';
import { tryParseJson } from '../../wire/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, impliedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, requestIdFacts } from '../grammar/failure.ts';
import { reportedError } from '../grammar/reported-error.ts';
import { retryAfterMs } from '../grammar/retry-after.ts';

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const reported = reportedError(tryParseJson(body));
  const failed = status < 200 || status > 299 ? status : impliedStatus(reported);
  const kind = errorKind(failed, reported);
  const waitMs = errorRule(kind).retry ? retryAfterMs(headers) : undefined;
  return failedAs(kind, reported, {
    upstreamStatus: failed,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...requestIdFacts(headers['x-request-id']),
  });
}

/** What an error inside an answer of status 200 means: the same as if it had come with its own status. */
export function reportedFailure(content: unknown): GatewayError {
  const reported = reportedError(content);
  const { status } = reported;
  return failedAs(errorKind(impliedStatus(reported), reported), reported, status ? { upstreamStatus: status } : {});
}
