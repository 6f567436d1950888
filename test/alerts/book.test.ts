import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlertBook } from '../../src/alerts/book.ts';
import type { Limit, Subject } from '../../src/core/limits.ts';
import type { News } from '../../src/core/news.ts';
import { fakeClock } from '../support/fake-clock.ts';

const costing = (value: number): News => ({ type: 'alert', kind: 'cost', subject: 'all calls', value, threshold: 1 });

describe('the book of alerts', () => {
  it('keeps the last 1,000, and gives the newest first', () => {
    fc.assert(
      fc.property(fc.nat(2_500), fc.integer({ min: 0, max: 1_500 }), (told, most) => {
        const clock = fakeClock();
        const book = new AlertBook(clock);
        for (let i = 0; i < told; i++) book.tell(costing(i));
        const kept = Math.min(told, most, 1_000);
        const values = book.newest(most).map(({ value }) => value);
        expect(values).toEqual(Array.from({ length: kept }, (_, i) => told - 1 - i));
      }),
      { numRuns: 30 },
    );
  });

  it.each<[News, string, string]>([
    [
      { type: 'alert', kind: 'error_rate', subject: 'p/m', value: 0.1234, threshold: 0.1 },
      'p/m',
      '12.34 % of the calls fail: 10 % or more are told.',
    ],
    [
      { type: 'alert', kind: 'latency', subject: 'p/m', value: 5_123.456, threshold: 3_000 },
      'p/m',
      '5 % of the calls take 5123.46 ms or longer: 3000 ms or more are told.',
    ],
    [costing(2.5), 'all calls', 'The last hour cost 2.5 US dollars: 1 or more are told.'],
    ...(
      [
        [{ kind: 'all', name: '' }, { unit: 'requests', window: 'day', amount: 10 }, 'all calls', '10 calls per day'],
        [
          { kind: 'team', name: 'search' },
          { unit: 'nano_usd', window: 'month', amount: 5e9 },
          'team search',
          '5 US dollars per month',
        ],
        [{ kind: 'key', name: 'a' }, { unit: 'tokens', window: 'hour', amount: 7 }, 'key a', '7 tokens per hour'],
        [{ kind: 'model', name: 'p/m' }, { unit: 'tokens', window: 'minute', amount: 7 }, 'p/m', '7 tokens per minute'],
      ] as const satisfies readonly (readonly [Subject, Limit, string, string])[]
    ).map(([subject, limit, name, words]): [News, string, string] => [
      { type: 'limit_alert', subject, limit, share: 0.8 },
      name,
      `80 % of ${words} are used up.`,
    ]),
  ])('says in words what %j is', (news, subject, message) => {
    const clock = fakeClock();
    const book = new AlertBook(clock);
    book.tell(news);
    expect(book.newest(10)).toMatchObject([{ subject, message, atMs: clock.wallMs() }]);
  });

  it('keeps nothing else', () => {
    const book = new AlertBook(fakeClock());
    book.tell({ type: 'ended_for_memory' });
    expect(book.newest(10)).toEqual([]);
  });
});
