import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure } from '../../../src/dialects/gemini/failure.ts';

const told = (code: number, status: string, message: string, details: unknown[] = []) => ({
  error: { code, status, message, details },
});
const hear = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  failure({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

const retry = (retryDelay: unknown) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay });
const quota = (...ids: unknown[]) => ({ violations: ids.map((quotaId) => ({ quotaId })) });
const info = (reason: unknown) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });

describe('the kind', () => {
  it.each<[string, number, unknown, string]>([
    ['a field', 400, told(400, 'INVALID_ARGUMENT', 'Unknown name "x"'), 'upstream_rejected'],
    ['a key', 400, told(400, 'INVALID_ARGUMENT', 'Bad.', [info('API_KEY_INVALID')]), 'upstream_auth'],
    ['a key by its words', 400, told(400, 'INVALID_ARGUMENT', 'API key not valid. Pass one.'), 'upstream_auth'],
    ['an old key', 400, told(400, 'INVALID_ARGUMENT', 'API key expired.', [info('API_KEY_EXPIRED')]), 'upstream_auth'],
    ['no rights', 403, told(403, 'PERMISSION_DENIED', 'No.'), 'upstream_auth'],
    ['no key', 401, told(401, 'UNAUTHENTICATED', 'No.'), 'upstream_auth'],
    ['no model', 404, told(404, 'NOT_FOUND', 'models/x is not found'), 'upstream_not_found'],
    ['a region', 400, told(400, 'FAILED_PRECONDITION', 'User location is not supported.'), 'upstream_rejected'],
    ['no billing', 400, told(400, 'FAILED_PRECONDITION', 'Please enable billing on your project.'), 'upstream_billing'],
    ['a caller who speaks of billing', 400, told(400, 'INVALID_ARGUMENT', 'bad value "billing"'), 'upstream_rejected'],
    ['a limit', 429, told(429, 'RESOURCE_EXHAUSTED', 'Check your plan and billing details.'), 'upstream_rate_limited'],
    ['a limit of the day', 429, told(429, '', '', [quota('XPerMinute', 'XPerDayY')]), 'upstream_billing'],
    ['a daily limit', 429, told(429, '', '', [quota('DailyLimit')]), 'upstream_billing'],
    ['no limit at all', 429, told(429, '', 'metric: x, limit: 0, model: y'), 'upstream_billing'],
    ['no limit at the end', 429, told(429, '', 'metric: x, limit: 0'), 'upstream_billing'],
    ['a small limit', 429, told(429, '', 'metric: x, limit: 0.5'), 'upstream_rate_limited'],
    ['a limit with zeros', 429, told(429, '', 'metric: x, limit: 100'), 'upstream_rate_limited'],
    ['spent credit', 429, told(429, '', 'Your prepayment credits are depleted.'), 'upstream_billing'],
    ['no capacity', 429, told(429, '', 'None.', [info('MODEL_CAPACITY_EXHAUSTED')]), 'upstream_overloaded'],
    ['given up', 499, told(499, 'CANCELLED', 'Cancelled.'), 'upstream_timeout'],
    ['a fault', 500, told(500, 'INTERNAL', 'Oh.'), 'upstream_error'],
    ['overload', 503, told(503, 'UNAVAILABLE', 'Busy.'), 'upstream_overloaded'],
    ['a deadline', 504, told(504, 'DEADLINE_EXCEEDED', 'Late.'), 'upstream_timeout'],
    ['too long', 400, told(400, '', 'The input token count (9) exceeds the maximum number'), 'context_length_exceeded'],
    ['too large', 413, '<html>', 'request_too_large'],
    ['a page', 502, '<html>', 'upstream_error'],
    ['a list', 429, [told(429, 'RESOURCE_EXHAUSTED', '', [quota('PerDay')])], 'upstream_billing'],
    ['status 200', 200, told(503, 'UNAVAILABLE', 'Busy.'), 'upstream_overloaded'],
  ])('%s', (_, status, body, kind) => {
    expect(hear(status, body).kind).toBe(kind);
  });
});

describe('the wait', () => {
  const wait = (message: string, details: unknown[], headers: Record<string, string> = {}) =>
    hear(429, told(429, 'RESOURCE_EXHAUSTED', message, details), headers).facts.retryAfterMs;

  it.each<[string, string, unknown[], Record<string, string>, number | undefined]>([
    ['in seconds', '', [retry('34.07s')], {}, 34_070],
    ['in milliseconds', '', [retry('900ms')], {}, 900],
    ['before the header', '', [retry('2s')], { 'retry-after': '7' }, 2000],
    ['in words', 'Please retry in 12.3s.', [], {}, 12_300],
    ['in more words', 'Please retry in 1h2m3.5s.', [], {}, 3_600_000],
    ['in minutes', 'Please retry in 2m3s.', [], {}, 123_000],
    ['by the header', 'Later.', [retry('soon')], { 'retry-after': '7' }, 7000],
    ['for a limit by the minute', '', [quota('RequestsPerMinute')], {}, 60_000],
    ['not said', 'Please retry in a while.', [retry(7), null, 'x'], {}, undefined],
  ])('%s', (_, message, details, headers, expected) => {
    expect(wait(message, details, headers)).toBe(expected);
  });

  it('is of no use where the quota is gone', () => {
    expect(wait('', [quota('PerDay'), retry('2s')])).toBeUndefined();
  });
});

it('names the code, and the request if it is told', () => {
  const body = told(400, 'INVALID_ARGUMENT', 'Bad key.', [info('API_KEY_INVALID')]);
  expect(hear(400, body, { 'x-request-id': 'r1' }).facts).toEqual({
    upstreamStatus: 400,
    upstreamCode: 'API_KEY_INVALID',
    upstreamRequestId: 'r1',
  });
  expect(hear(403, told(403, 'PERMISSION_DENIED', '', [info('free text: "hello"')])).facts.upstreamCode).toBe(
    'PERMISSION_DENIED',
  );
});

it('takes anything', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fc.oneof(fc.json(), fc.string()), (status, body) => {
      const { kind, facts } = failure({ status, headers: {}, body });
      expect([typeof kind, typeof facts]).toEqual(['string', 'object']);
    }),
  );
  const details = Array.from({ length: 1000 }, () => quota('PerDay'));
  expect(hear(429, told(429, '', '', [...Array.from({ length: 40 }, () => ({})), ...details])).kind).toBe(
    'upstream_rate_limited',
  );
});
