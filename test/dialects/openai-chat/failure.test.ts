import { describe, expect, it } from 'vitest';
import { errorRule } from '../../../src/core/errors.ts';
import { failure } from '../../../src/dialects/openai-chat/failure.ts';

const fail = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  failure({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

const says = (message: string, more: object = {}) => ({ error: { message, ...more } });

describe('the kind, by status', () => {
  it.each<[number, string]>([
    [100, 'upstream_bad_response'],
    [301, 'upstream_bad_response'],
    [307, 'upstream_bad_response'],
    [400, 'upstream_rejected'],
    [401, 'upstream_auth'],
    [402, 'upstream_billing'],
    [403, 'upstream_auth'],
    [404, 'upstream_not_found'],
    [405, 'upstream_rejected'],
    [408, 'upstream_timeout'],
    [409, 'upstream_error'],
    [413, 'request_too_large'],
    [422, 'upstream_rejected'],
    [429, 'upstream_rate_limited'],
    [500, 'upstream_error'],
    [502, 'upstream_error'],
    [503, 'upstream_overloaded'],
    [504, 'upstream_timeout'],
    [524, 'upstream_timeout'],
    [529, 'upstream_overloaded'],
    [599, 'upstream_error'],
  ])('%i is %s', (status, kind) => {
    for (const body of ['', '<html>', '{}', '[]', 'null', says('Something.')])
      expect(fail(status, body).kind).toBe(kind);
  });
});

describe('the kind, by what is said', () => {
  it.each<[number, object, string]>([
    [400, says('prompt is too long: 9 tokens > 8 maximum'), 'context_length_exceeded'],
    [400, says('Your input exceeds the context window of this model.'), 'context_length_exceeded'],
    [400, says('The input token count (9) exceeds the maximum number of tokens (8).'), 'context_length_exceeded'],
    [400, says('x', { code: 'context_length_exceeded' }), 'context_length_exceeded'],
    [413, says('Prompt too long'), 'context_length_exceeded'],
    [500, says('The request exceeds the available context size.'), 'context_length_exceeded'],
    [400, says('Too many tokens, rate limit: reduce the length of the messages'), 'upstream_rejected'],
    [429, says('maximum context length is 8 tokens'), 'upstream_rate_limited'],
    [429, says('x', { type: 'insufficient_quota' }), 'upstream_billing'],
    [429, says('x', { code: 'credit_balance_exhausted' }), 'upstream_billing'],
    [429, says('x', { code: '1308' }), 'upstream_billing'],
    [403, says('Your team is out of credits.'), 'upstream_billing'],
    [429, says('Slow down, or upgrade at https://x.example/billing_error'), 'upstream_rate_limited'],
    [400, says('Unknown field "credit_balance"'), 'upstream_rejected'],
    [403, says('Flagged by moderation.'), 'content_blocked'],
    [400, says('x', { code: 'content_filter' }), 'content_blocked'],
    [400, says('x', { code: 'content_policy_violation' }), 'content_blocked'],
    [400, says('Incorrect API key provided: sk-x.'), 'upstream_auth'],
    [400, [says('API key not valid. Please pass a valid API key.')] as object, 'upstream_auth'],
    [400, says('x', { code: 'invalid_api_key' }), 'upstream_auth'],
    [400, says('The user said: incorrect API key'), 'upstream_rejected'],
    [500, says('x', { type: 'overloaded_error' }), 'upstream_overloaded'],
    [500, says('Overloaded'), 'upstream_overloaded'],
    [200, says('x', { type: 'authentication_error' }), 'upstream_auth'],
    [200, says('x', { type: 'permission_denied' }), 'upstream_auth'],
    [200, says('x', { type: 'gateway_timeout' }), 'upstream_timeout'],
    [200, says('x', { type: 'model_not_found' }), 'upstream_not_found'],
    [200, says('x'), 'upstream_error'],
  ])('%i %j is %s', (status, body, kind) => expect(fail(status, body).kind).toBe(kind));
});

describe('what OpenRouter adds', () => {
  const told = (error_type: string) => says('m', { metadata: { error_type } });
  const raw = (inner: unknown) => says('Provider returned error', { metadata: { raw: inner, provider_name: 'P' } });

  it.each<[string, number, string]>([
    ['context_length_exceeded', 400, 'context_length_exceeded'],
    ['token_limit_exceeded', 400, 'context_length_exceeded'],
    ['max_tokens_exceeded', 400, 'upstream_rejected'],
    ['invalid_image', 400, 'upstream_rejected'],
    ['precondition_failed', 412, 'upstream_rejected'],
    ['unprocessable', 422, 'upstream_rejected'],
    ['authentication', 401, 'upstream_auth'],
    ['payment_required', 402, 'upstream_billing'],
    ['permission_denied', 403, 'upstream_auth'],
    ['not_found', 404, 'upstream_not_found'],
    ['timeout', 408, 'upstream_timeout'],
    ['payload_too_large', 413, 'request_too_large'],
    ['rate_limit_exceeded', 429, 'upstream_rate_limited'],
    ['server', 500, 'upstream_error'],
    ['provider_unavailable', 502, 'upstream_error'],
    ['provider_overloaded', 502, 'upstream_overloaded'],
    ['timeout', 524, 'upstream_timeout'],
    ['content_policy_violation', 400, 'content_blocked'],
    ['refusal', 400, 'content_blocked'],
    ['unmapped', 400, 'upstream_rejected'],
    ['__proto__', 400, 'upstream_rejected'],
  ])('%s at %i is %s', (type, status, kind) => expect(fail(status, told(type)).kind).toBe(kind));

  it.each<[string, unknown, number, string, string | undefined]>([
    ['text', 'Bad image.', 400, 'upstream_rejected', 'Bad image.'],
    ['JSON as text', '{"error":{"message":"Bad image."}}', 400, 'upstream_rejected', 'Bad image.'],
    ['JSON', { error: 'Bad image.' }, 400, 'upstream_rejected', 'Bad image.'],
    [
      'too long',
      'prompt is too long: 9 tokens > 8 maximum',
      400,
      'context_length_exceeded',
      'prompt is too long: 9 tokens > 8 maximum',
    ],
    [
      'unsafe',
      '{"error":"Content violates usage guidelines."}',
      403,
      'content_blocked',
      'Content violates usage guidelines.',
    ],
    [
      'ids of others',
      'Team 0b5f5d64-aaaa-4000-8000-00000000000f failed.',
      400,
      'upstream_rejected',
      'Team [id] failed.',
    ],
    ['nothing', null, 400, 'upstream_rejected', 'Provider returned error'],
    ['a flag', { retryable: true }, 502, 'upstream_error', undefined],
  ])('the words of the provider behind it: %s', (_, inner, status, kind, detail) => {
    const error = fail(status, raw(inner));
    expect([error.kind, error.facts.detail]).toEqual([kind, detail]);
  });
});

describe('the facts', () => {
  it('have the status, the code and the id', () => {
    expect(fail(500, says('m', { code: 'a_b-c.D9' }), { 'x-request-id': 'req_1' }).facts).toEqual({
      upstreamStatus: 500,
      upstreamCode: 'a_b-c.D9',
      upstreamRequestId: 'req_1',
    });
  });

  it.each<[unknown, unknown, string | undefined]>([
    ['code', 'type', 'code'],
    [null, 'type', 'type'],
    ['two words', 'type', 'type'],
    ['x'.repeat(65), null, undefined],
    [1305, null, '1305'],
    ['1305', 'type', '1305'],
    [500, 'type', 'type'],
    ['500', 'type', 'type'],
    [{ a: 1 }, ['b'], undefined],
  ])('code %j and type %j become %j', (code, type, expected) => {
    expect(fail(500, says('m', { code, type })).facts.upstreamCode).toBe(expected);
  });

  it.each(['a b', '', 'x'.repeat(129), 'é'])('leave out a request id that is none: %j', (id) => {
    expect(fail(500, '', { 'x-request-id': id }).facts.upstreamRequestId).toBeUndefined();
  });

  it.each<[string, unknown, string]>([
    ['OpenAI', says('m'), 'm'],
    ['a text', { error: 'm' }, 'm'],
    ['at the top', { object: 'error', message: 'm' }, 'm'],
    ['a list', [says('m')], 'm'],
    ['detail', { detail: 'm' }, 'm'],
    ['a list of details', { detail: [{ msg: 'm', input: 'x' }] }, 'm'],
    ['folded, without control characters', says(' a\r\n\u0000\u001b[31m\tb\u0085 '), 'a [31m b'],
    ['whole characters', says('a\ud800b'), 'a\ufffdb'],
    ['cut', says('x'.repeat(9_999)), 'x'.repeat(500)],
    ['cut between characters', says(`${'x'.repeat(499)}😀`), 'x'.repeat(499)],
  ])('have the words for the caller: %s', (_, body, detail) => expect(fail(400, body).facts.detail).toBe(detail));

  it.each([401, 402, 403, 429, 500, 503, 307])('have no words where the caller cannot act: %i', (status) => {
    expect(fail(status, says('secret')).facts.detail).toBeUndefined();
  });

  it.each([400, 401, 403, 404, 413, 429, 500, 503])('never have the words in the message: %i', (status) => {
    const error = fail(status, says('secret words', { code: 'x', type: 'y' }));
    expect(error.message).not.toContain('secret');
    expect(error.cause).toBeUndefined();
  });

  it.each([400, 401, 402, 404, 408, 413, 429, 500, 503, 504])(
    'have the wait only where another try makes sense: %i',
    (status) => {
      const error = fail(status, '', { 'retry-after': '3' });
      expect(error.facts.retryAfterMs).toBe(errorRule(error.kind).retry ? 3_000 : undefined);
    },
  );
});
