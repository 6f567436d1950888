import { durationMs } from '@bufbuild/protobuf/wkt';
import { expect } from 'vitest';
import type { DoorError } from '../../support/doors.ts';
import type { ReadFailure } from './reading.ts';

/**
 * The classes of the packages of OpenAI and Anthropic for each reason that stands for an answer of the provider, and
 * the statuses with which Google's one class may come.
 */
const classes: Readonly<Record<string, readonly (string | number)[]>> = {
  UPSTREAM_REJECTED: ['BadRequestError', 'UnprocessableEntityError', 400],
  CONTEXT_LENGTH_EXCEEDED: ['BadRequestError', 'RateLimitError', 400],
  CONTENT_BLOCKED: ['BadRequestError', 'PermissionDeniedError', 400],
  REQUEST_TOO_LARGE: ['ContentTooLargeError', 413],
  UPSTREAM_AUTH: ['AuthenticationError', 'PermissionDeniedError', 400, 401, 403],
  UPSTREAM_NOT_FOUND: ['NotFoundError', 404],
  UPSTREAM_RATE_LIMITED: ['RateLimitError', 429],
  UPSTREAM_BILLING: ['RateLimitError', 'PaymentRequiredError', 429],
  UPSTREAM_ERROR: ['InternalServerError', 500],
  UPSTREAM_OVERLOADED: ['InternalServerError', 'OverloadedError', 'ServiceUnavailableError', 503],
};

/** After these there is no use in waiting, whatever the provider says of it. */
const FINAL = ['UPSTREAM_BILLING', 'CONTEXT_LENGTH_EXCEEDED'];

/** The longest pause before a second try. */
const MOST_ADVISED_MS = 250;

export const reasonOf = ({ errorInfo }: DoorError): string => errorInfo?.reason ?? 'none';

/** The wait that a caller is told of, in milliseconds. */
export const toldWaitMs = ({ retryInfo }: DoorError): number | undefined =>
  retryInfo?.retryDelay && durationMs(retryInfo.retryDelay);

/** Whether both sides tell of the same failure: its class, status and wait. */
export function expectSameFailure(error: DoorError, expected: ReadFailure): void {
  const reason = reasonOf(error);
  const word = expected.thrown === 'ApiError' ? expected.status : expected.thrown;
  expect(classes[reason], `${reason} for ${word}: ${expected.message}`).toContain(word);
  expect(error.errorInfo?.metadata.upstream_status).toBe(String(expected.status));
  if (!FINAL.includes(reason)) expectWait(toldWaitMs(error), expected.retryMs);
}

/** What the provider says, or, if it says nothing, the gateway's own advice for a failure that may pass. */
function expectWait(toldMs: number | undefined, expectedMs: number | undefined): void {
  if (expectedMs === undefined) expect(toldMs ?? 0).toBeLessThanOrEqual(MOST_ADVISED_MS);
  else expect(toldMs).toBe(expectedMs);
}
