import { describe, expect, it } from 'vitest';
import { failure, reportedFailure } from '../../../src/dialects/openai-responses/failure.ts';

const fail = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  failure({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

describe('the kind of a failed response, by its code', () => {
  it.each([
    ['server_error', 'upstream_error'],
    ['rate_limit_exceeded', 'upstream_rate_limited'],
    ['insufficient_quota', 'upstream_billing'],
    ['invalid_prompt', 'content_blocked'],
    ['bio_policy', 'content_blocked'],
    ['misalignment_policy_violation', 'content_blocked'],
    ['image_content_policy_violation', 'content_blocked'],
    ['data_residency_mismatch', 'upstream_rejected'],
    ['vector_store_timeout', 'upstream_timeout'],
    ['context_length_exceeded', 'context_length_exceeded'],
    ['invalid_image', 'upstream_rejected'],
    ['invalid_image_format', 'upstream_rejected'],
    ['invalid_base64_image', 'upstream_rejected'],
    ['invalid_image_url', 'upstream_rejected'],
    ['invalid_image_mode', 'upstream_rejected'],
    ['image_too_large', 'upstream_rejected'],
    ['image_too_small', 'upstream_rejected'],
    ['image_parse_error', 'upstream_rejected'],
    ['image_file_too_large', 'upstream_rejected'],
    ['unsupported_image_media_type', 'upstream_rejected'],
    ['empty_image_file', 'upstream_rejected'],
    ['failed_to_download_image', 'upstream_rejected'],
    ['image_file_not_found', 'upstream_rejected'],
  ])('%s is %s', (code, kind) => {
    const error = { code, message: 'm' };
    expect(reportedFailure({ error }).kind).toBe(kind);
    expect(reportedFailure({ type: 'error', error }).kind).toBe(kind);
    expect(reportedFailure({ type: 'error', ...error }).kind).toBe(kind);
  });

  it('is not told by the event', () => {
    expect(reportedFailure({ type: 'error', code: null, message: 'm' }).facts).toEqual({});
  });
});

describe('the kind of a refused request', () => {
  it.each<[number, unknown, string]>([
    [400, { error: { message: 'm', code: 'unsupported_file' } }, 'upstream_rejected'],
    [400, { error: { message: 'm', code: 'invalid_prompt' } }, 'content_blocked'],
    [401, { error: { message: 'm', code: 'invalid_api_key' } }, 'upstream_auth'],
    [404, { error: { message: 'm', code: 'model_not_found' } }, 'upstream_not_found'],
    [429, { error: { message: 'm', code: 'insufficient_quota' } }, 'upstream_billing'],
    [429, { error: { message: 'm', code: 'rate_limit_exceeded' } }, 'upstream_rate_limited'],
    [500, { error: { message: 'm', code: 'server_error' } }, 'upstream_error'],
    [503, { error: { message: 'm', code: 'server_error' } }, 'upstream_overloaded'],
    [502, '<html>', 'upstream_error'],
    [200, { error: { message: 'm', code: 'server_error' } }, 'upstream_error'],
  ])('%i %j is %s', (status, body, kind) => expect(fail(status, body).kind).toBe(kind));
});

it('says what is known, and waits only where trying again helps', () => {
  const headers = { 'retry-after': '2', 'x-request-id': 'req_1' };
  expect(fail(429, { error: { code: 'rate_limit_exceeded' } }, headers).facts).toEqual({
    upstreamStatus: 429,
    upstreamCode: 'rate_limit_exceeded',
    upstreamRequestId: 'req_1',
    retryAfterMs: 2000,
  });
  expect(fail(400, { error: { message: 'Bad.', code: 'x' } }, headers).facts).toEqual({
    upstreamStatus: 400,
    upstreamCode: 'x',
    upstreamRequestId: 'req_1',
    detail: 'Bad.',
  });
});
