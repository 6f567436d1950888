import { describe, expect, it } from 'vitest';
import { errorKind, type FailureKind, failedStatus, impliedStatus } from '../../../src/dialects/grammar/error-kind.ts';
import { reportedError } from '../../../src/dialects/grammar/reported-error.ts';

const kind = (status: number, message: string, type = '') =>
  errorKind(status, reportedError({ error: { message, type } }));

const OVER_MINUTE =
  'Request too large for gpt-5-nano in organization org-x on tokens per min (TPM): Limit 200000, Requested 2500013. The input or output tokens must be reduced in order to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.';

describe('a conversation that is too long', () => {
  it.each([
    'number of input tokens must be no more than 8192, got 28498',
    'text length is 349354, which is outside the range (0, 100000]',
    'maximum context length is 8 tokens',
    'The input token count (9) exceeds the maximum number of tokens (8).',
  ])('%s', (message) => {
    for (const status of [400, 413, 422, 500]) expect(kind(status, message)).toBe('context_length_exceeded');
    for (const status of [401, 404, 503]) expect(kind(status, message)).not.toBe('context_length_exceeded');
  });

  it('is also a request that is more than a minute’s tokens: waiting never helps, another model may', () => {
    expect(kind(429, OVER_MINUTE, 'tokens')).toBe('context_length_exceeded');
    expect(kind(413, OVER_MINUTE.replace('min ', 'minute '), 'tokens')).toBe('context_length_exceeded');
  });

  it.each<[number, string]>([
    [429, 'Rate limit reached for gpt-5-nano on tokens per min (TPM): Limit 200000, Used 199000, Requested 2000.'],
    [429, 'number of input tokens must be no more than 8192'],
    [429, 'Request too large'],
  ])('is not what is refused only for now: %i %s', (status, message) => {
    expect(kind(status, message)).toBe('upstream_rate_limited');
  });
});

describe('a body that is too large', () => {
  it.each([400, 413])('is no matter of the conversation’s length: %i', (status) => {
    expect(kind(status, 'Request exceeds the maximum size', 'request_too_large')).toBe('request_too_large');
  });

  it('does not hide that the conversation is too long', () => {
    expect(kind(413, 'prompt is too long: 9 tokens > 8 maximum', 'request_too_large')).toBe('context_length_exceeded');
  });
});

describe('content that is refused', () => {
  it.each<[number, FailureKind]>([
    [400, 'content_blocked'],
    [403, 'content_blocked'],
    [401, 'upstream_auth'],
    [500, 'upstream_error'],
  ])('at %i is %s', (status, expected) => {
    expect(kind(status, 'Content violates usage guidelines.')).toBe(expected);
    expect(kind(status, 'Failed check: SAFETY_CHECK_TYPE_BIO')).toBe(expected);
  });
});

describe('the status', () => {
  const said = (error: object) => reportedError({ error });

  it.each([100, 199, 300, 404, 500])('of the reply counts where it is no success: %i', (status) => {
    expect(failedStatus(status, said({ type: 'rate_limit_error' }))).toBe(status);
  });

  it.each([200, 299])('inside counts at %i', (status) => {
    expect(failedStatus(status, said({ code: 402 }))).toBe(402);
    expect(failedStatus(status, said({ type: 'rate_limit_error' }))).toBe(429);
    expect(failedStatus(status, said({ type: 'request_too_large' }))).toBe(413);
  });

  it('is 500 where nothing tells', () => expect(impliedStatus(said({ message: 'm' }))).toBe(500));
});
