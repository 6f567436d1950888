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
  it('have the wait only where another try makes sense', () => {
    expect(replyFacts('upstream_rate_limited', 429, 5, 'id')).toEqual({
      upstreamStatus: 429,
      retryAfterMs: 5,
      upstreamRequestId: 'id',
    });
    expect(replyFacts('upstream_rejected', 400, 5, undefined)).toEqual({ upstreamStatus: 400 });
  });

  it.each(['a b', '', 'x'.repeat(129), 'é', undefined])('have no request id that is none: %j', (id) => {
    expect(requestIdFacts(id)).toEqual({});
  });
});
