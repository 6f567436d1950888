import type { ErrorFacts, GatewayError } from '../../core/errors.ts';
import { asObject, asString, tryParseJson, type UnknownObject } from '../../core/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, failedStatus, impliedStatus } from '../grammar/error-kind.ts';
import { failed as failedAs, replyFacts } from '../grammar/failure.ts';
import { statedError } from './stated-error.ts';

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const stated = statedError(tryParseJson(body));
  const failed = failedStatus(status, stated);
  const kind = errorKind(failed, stated);
  return failedAs(kind, stated, replyFacts(kind, failed, headers));
}

/** Whether a line or body is an error and no answer. */
export const isError = ({ error, code, message, alternatives }: UnknownObject): boolean =>
  Boolean(asObject(error)) ||
  asString(error) !== '' ||
  (alternatives === undefined && typeof code === 'number' && code !== 0 && asString(message) !== '');

/** What an error inside an answer of status 200 means. */
export function reportedFailure(content: UnknownObject): GatewayError {
  const stated = statedError(content);
  const facts: ErrorFacts = stated.status === undefined ? {} : { upstreamStatus: stated.status };
  return failedAs(errorKind(impliedStatus(stated), stated), stated, facts);
}
