import type { GatewayError } from '../../core/errors.ts';
import { asObject, tryParseJson, type UnknownObject } from '../../core/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind, failedStatus, impliedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, replyFacts } from '../grammar/failure.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';

/**
 * Codes of a failed response from whose words alone the kind cannot be told. The others are server_error,
 * rate_limit_exceeded, invalid_prompt, vector_store_timeout and those of the images' policy.
 *
 * Source: openai 7.55.0, resources/responses/responses.d.ts, ResponseError (2026-11-21).
 */
const kinds: ReadonlyMap<string | undefined, FailureKind> = new Map([
  ['bio_policy', 'content_blocked'],
  ['misalignment_policy_violation', 'content_blocked'],
  ['data_residency_mismatch', 'upstream_rejected'],
  ['image_too_large', 'upstream_rejected'],
  ['image_too_small', 'upstream_rejected'],
  ['image_parse_error', 'upstream_rejected'],
  ['image_file_too_large', 'upstream_rejected'],
  ['unsupported_image_media_type', 'upstream_rejected'],
  ['empty_image_file', 'upstream_rejected'],
  ['failed_to_download_image', 'upstream_rejected'],
  ['image_file_not_found', 'upstream_rejected'],
]);

const kindOf = (status: number, reported: ReportedError): FailureKind =>
  kinds.get(reported.code) ?? errorKind(status, reported);

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const reported = reportedError(tryParseJson(body));
  const failed = failedStatus(status, reported);
  const kind = kindOf(failed, reported);
  return failedAs(kind, reported, replyFacts(kind, failed, headers));
}

/**
 * What an error inside an answer of status 200 means: an event `error`, which may have its fields at the top, or a
 * failed response.
 */
export function reportedFailure(said: UnknownObject): GatewayError {
  const { type: _, ...error } = said;
  const reported = reportedError(asObject(said.error) ? said : { error });
  const { status } = reported;
  return failedAs(kindOf(impliedStatus(reported), reported), reported, status ? { upstreamStatus: status } : {});
}
