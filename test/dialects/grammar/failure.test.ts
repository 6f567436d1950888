import { describe, expect, it } from 'vitest';
import { failed, replyFacts, requestIdFacts } from '../../../src/dialects/grammar/failure.ts';

const detail = (message: string) => failed('upstream_rejected', { message, code: undefined }, {}).facts.detail;

describe('the words for the caller', () => {
  it.each<[string, string]>([
    [
      'Request too large in organization org-aB3dE5fG7hI9 on tokens',
      'Request too large in organization [id] on tokens',
    ],
    ['Project `proj_aB3dE5fG7hI9` has no access', 'Project `[id]` has no access'],
    ['from a well-known org-chart', 'from a well-known org-chart'],
    ['a\n\tb', 'a b'],
  ])('%j become %j', (message, expected) => expect(detail(message)).toBe(expected));

  it('are not told where the caller cannot act', () => {
    expect(failed('upstream_error', { message: 'm', code: 'c' }, {}).facts).toEqual({ upstreamCode: 'c' });
  });
});

describe('the facts', () => {
  const headers = { 'retry-after-ms': '5', 'x-should-retry': 'false', 'x-request-id': 'id' };

  it('have what is said of another try only where one makes sense', () => {
    expect(replyFacts('upstream_rate_limited', 429, headers)).toEqual({
      upstreamStatus: 429,
      retryAfterMs: 5,
      shouldRetry: false,
      upstreamRequestId: 'id',
    });
    expect(replyFacts('upstream_rejected', 400, headers)).toEqual({ upstreamStatus: 400, upstreamRequestId: 'id' });
  });

  it('have what a dialect found in a place of its own rather than what is in the usual one', () => {
    const own = { waitMs: 0, requestId: 'own' };
    expect(replyFacts('upstream_error', 409, headers, own)).toMatchObject({
      retryAfterMs: 0,
      upstreamRequestId: 'own',
    });
    const none = { waitMs: undefined, requestId: undefined };
    expect(replyFacts('upstream_error', 409, headers, none)).toMatchObject({
      retryAfterMs: 5,
      upstreamRequestId: 'id',
    });
  });

  it.each(['a b', '', 'x'.repeat(129), 'é', undefined])('have no request id that is none: %j', (id) => {
    expect(requestIdFacts(id)).toEqual({});
  });
});
