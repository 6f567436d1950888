import { describe, expect, it } from 'vitest';
import type { ErrorKind } from '../../../src/core/errors.ts';
import { failure } from '../../../src/dialects/anthropic-messages/failure.ts';
import { body, failure as failing, start, stream } from './hear.ts';

const error = (type: string, message = 'It failed.', code?: string) => ({
  type: 'error',
  error: { type, message, ...(code === undefined ? {} : { details: { error_code: code } }) },
  request_id: 'req_1',
});

const reply = (status: number, content: unknown, headers: Record<string, string> = {}) =>
  failure({ status, headers, body: typeof content === 'string' ? content : JSON.stringify(content) });

describe('a failed answer', () => {
  it.each<[number, unknown, ErrorKind]>([
    [400, error('invalid_request_error', 'messages: at least one message is required'), 'upstream_rejected'],
    [400, error('invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum'), 'context_length_exceeded'],
    [
      400,
      error('invalid_request_error', 'input length and `max_tokens` exceed context limit: 9 + 9 > 8'),
      'context_length_exceeded',
    ],
    [400, error('invalid_request_error', 'Your credit balance is too low to access the API.'), 'upstream_billing'],
    [400, error('invalid_request_error', 'tools: "your credit balance is too low" is no name'), 'upstream_rejected'],
    [400, error('invalid_request_error', 'Output blocked by content filtering policy'), 'content_blocked'],
    [401, error('authentication_error', 'invalid x-api-key'), 'upstream_auth'],
    [402, error('billing_error'), 'upstream_billing'],
    [403, error('permission_error'), 'upstream_auth'],
    [404, error('not_found_error', 'model: claude-0'), 'upstream_not_found'],
    [409, error('conflict_error'), 'upstream_error'],
    [413, error('request_too_large', 'Request exceeds the maximum size'), 'request_too_large'],
    [413, '<html><h1>413 Request Entity Too Large</h1></html>', 'request_too_large'],
    [413, error('invalid_request_error', 'prompt is too long'), 'context_length_exceeded'],
    [429, error('rate_limit_error'), 'upstream_rate_limited'],
    [429, error('rate_limit_error', '', 'ramp_limit_exceeded'), 'upstream_rate_limited'],
    [429, error('rate_limit_error', '', 'contract_spend_limit_reached'), 'upstream_billing'],
    [429, error('rate_limit_error', '', 'enforced_spend_limit_reached'), 'upstream_billing'],
    [429, error('rate_limit_error', '', 'linked_organization_spend_limit_reached'), 'upstream_billing'],
    [500, error('api_error'), 'upstream_error'],
    [502, '', 'upstream_error'],
    [504, error('timeout_error'), 'upstream_timeout'],
    [529, error('overloaded_error'), 'upstream_overloaded'],
  ])('%i %j', (status, content, kind) => {
    const { kind: found, facts } = reply(status, content);
    expect({ found, status: facts.upstreamStatus }).toEqual({ found: kind, status });
  });

  it('has the id from the header, else from the body', () => {
    expect(reply(500, error('api_error'), { 'request-id': 'req_2' }).facts.upstreamRequestId).toBe('req_2');
    expect(reply(500, error('api_error')).facts.upstreamRequestId).toBe('req_1');
    expect(reply(500, 'x').facts.upstreamRequestId).toBeUndefined();
  });

  it('has the most exact code', () => {
    expect(reply(429, error('rate_limit_error', '', 'ramp_limit_exceeded')).facts.upstreamCode).toBe(
      'ramp_limit_exceeded',
    );
    expect(reply(429, error('rate_limit_error', '', 'No code')).facts.upstreamCode).toBe('rate_limit_error');
  });
});

describe('an error inside an answer', () => {
  it.each<[string, ErrorKind]>([
    ['invalid_request_error', 'upstream_rejected'],
    ['authentication_error', 'upstream_auth'],
    ['billing_error', 'upstream_billing'],
    ['permission_error', 'upstream_auth'],
    ['not_found_error', 'upstream_not_found'],
    ['request_too_large', 'request_too_large'],
    ['rate_limit_error', 'upstream_rate_limited'],
    ['api_error', 'upstream_error'],
    ['timeout_error', 'upstream_timeout'],
    ['overloaded_error', 'upstream_overloaded'],
    ['something_new', 'upstream_error'],
  ])('%s', (type, kind) => {
    expect(failing(() => stream(start(), error(type))).kind).toBe(kind);
    expect(failing(() => body(error(type))).kind).toBe(kind);
    expect(reply(200, error(type)).kind).toBe(kind);
  });

  it('has the id of the request', () => {
    expect(failing(() => stream(error('api_error'))).facts.upstreamRequestId).toBe('req_1');
  });
});

describe('the wait', () => {
  const date = 'Sat, 21 Nov 2026 10:00:00 GMT';
  const used = (limit: string, reset: string, remaining = '0') => ({
    [`anthropic-ratelimit-${limit}-remaining`]: remaining,
    [`anthropic-ratelimit-${limit}-reset`]: reset,
  });

  it.each<[string, Record<string, string>, number | undefined]>([
    ['is not known', {}, undefined],
    ['is said', { 'retry-after': '47' }, 47_000],
    ['is said first', { date, 'retry-after': '1', ...used('tokens', '2026-11-21T10:00:30Z') }, 1_000],
    ['is that of the limit', { date, ...used('requests', '2026-11-21T10:00:30Z') }, 30_000],
    ['is exact', { date, ...used('requests', '2026-11-21T11:00:00.5+01:00') }, 500],
    [
      'is the longest of those used up',
      {
        date,
        ...used('input-tokens', '2026-11-21T10:00:05Z'),
        ...used('output-tokens', '2026-11-21T10:00:09Z'),
        ...used('requests', '2026-11-21T10:01:00Z', '1'),
      },
      9_000,
    ],
    ['is none for a moment that is over', { date, ...used('requests', '1970-01-01T00:00:00Z') }, 0],
    ['is an hour at most', { date, ...used('requests', '2027-01-01T00:00:00Z') }, 3_600_000],
    ['needs a date to be held against', used('requests', '2026-11-21T10:00:30Z'), undefined],
    ['needs a moment', { date, ...used('requests', 'soon') }, undefined],
    ['needs a whole moment', { date, ...used('requests', '2026') }, undefined],
  ])('%s', (_, headers, waitMs) => {
    expect(reply(429, error('rate_limit_error'), headers).facts.retryAfterMs).toBe(waitMs);
  });

  it('is not told where waiting does not help', () => {
    expect(reply(402, error('billing_error'), { 'retry-after': '4' }).facts.retryAfterMs).toBeUndefined();
  });
});
