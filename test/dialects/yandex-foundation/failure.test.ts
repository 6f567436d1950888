import { describe, expect, it } from 'vitest';
import { failure } from '../../../src/dialects/yandex-foundation/failure.ts';

const fail = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  failure({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

describe('the kind, by the gRPC code alone', () => {
  it.each<[number, string, number]>([
    [2, 'upstream_error', 500],
    [3, 'upstream_rejected', 400],
    [4, 'upstream_timeout', 504],
    [5, 'upstream_not_found', 404],
    [7, 'upstream_auth', 403],
    [8, 'upstream_rate_limited', 429],
    [9, 'upstream_rejected', 400],
    [10, 'upstream_error', 409],
    [13, 'upstream_error', 500],
    [14, 'upstream_overloaded', 503],
    [16, 'upstream_auth', 401],
  ])('%i is %s', (code, kind, status) => {
    for (const body of [{ error: 'm', code }, { code, message: 'm' }, { error: { grpcCode: code, message: 'm' } }]) {
      const error = fail(200, body);
      expect([error.kind, error.facts.upstreamStatus]).toEqual([kind, status]);
    }
  });
});

describe('the status', () => {
  it('of the answer counts first, then the one inside, then the code', () => {
    const body = { error: { grpcCode: 13, httpCode: 503, message: 'm' } };
    expect(fail(429, body).facts.upstreamStatus).toBe(429);
    expect(fail(200, body).facts.upstreamStatus).toBe(503);
    expect(fail(200, { error: { grpcCode: 13, httpCode: 200 } }).facts.upstreamStatus).toBe(500);
  });

  it('is 500 where nothing tells', () => {
    for (const body of ['', '<html>', '{}', 'null', '[]', { error: 'm' }])
      expect(fail(200, body).kind).toBe('upstream_error');
  });
});

describe('a conversation that is too long', () => {
  it.each([
    'Error in session internal_id=1: number of input tokens must be no more than 8192, got 28498',
    'text length is 349354, which is outside the range (0, 100000]',
  ])('%s', (message) => {
    expect(fail(400, { error: { grpcCode: 3, httpCode: 400, message } }).kind).toBe('context_length_exceeded');
    expect(fail(500, { error: { grpcCode: 13, httpCode: 500, message } }).kind).toBe('context_length_exceeded');
  });
});

describe('the facts', () => {
  it('have the wait and the request id', () => {
    const { facts } = fail(503, { code: 14, message: 'm' }, { 'retry-after': '2', 'x-request-id': 'id-1' });
    expect(facts).toEqual({
      upstreamStatus: 503,
      upstreamCode: 'UNAVAILABLE',
      retryAfterMs: 2_000,
      upstreamRequestId: 'id-1',
    });
    expect(fail(401, '', { 'retry-after': '2' }).facts.retryAfterMs).toBeUndefined();
  });

  it('have the words only for a caller who can act', () => {
    expect(fail(400, { code: 3, message: 'words' }).facts.detail).toBe('words');
    expect(fail(401, { code: 16, message: 'words' }).facts.detail).toBeUndefined();
    expect(fail(400, { code: 3, message: 'words' }).message).not.toContain('words');
  });
});
