import { type ErrorFacts, errorRule, type GatewayError } from '../../core/errors.ts';
import { asObject, asString, tryParseJson, type UnknownObject } from '../../wire/json.ts';
import type { FailedReply } from '../dialect.ts';
import { errorKind, type FailureKind } from '../grammar/error-kind.ts';
import { failed as failedAs, requestIdFacts } from '../grammar/failure.ts';
import { retryAfterMs } from '../grammar/retry-after.ts';
import { type StatedError, statedError } from './stated-error.ts';

/** What a failed answer means. Its body may be anything: plain text and HTML come from what stands in between. */
export function failure({ status, headers, body }: FailedReply): GatewayError {
  const stated = statedError(tryParseJson(body));
  const failed = status < 200 || status > 299 ? status : (stated.status ?? 500);
  const kind = kindOf(failed, stated);
  const waitMs = errorRule(kind).retry ? retryAfterMs(headers) : undefined;
  return failedAs(kind, stated, {
    upstreamStatus: failed,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...requestIdFacts(headers['x-request-id']),
  });
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
  return failedAs(kindOf(stated.status ?? 500, stated), stated, facts);
}

/** Sources: client projects on GitHub that match these texts, such as community-of-python/any-llm-client (2026-11-21). */
const TOO_LONG = /number of input tokens must be no more than \d+|text length is \d+, which is outside the range/i;

const kindOf = (status: number, stated: StatedError): FailureKind =>
  status === 400 && TOO_LONG.test(stated.message) ? 'context_length_exceeded' : errorKind(status, stated);
