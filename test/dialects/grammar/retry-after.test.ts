import fc from 'fast-check';
import { expect, it } from 'vitest';
import { retryAfterMs, shouldRetry } from '../../../src/dialects/grammar/retry-after.ts';

const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
const later = 'Sun, 06 Nov 1994 08:50:00 GMT';
const requests = (remaining: string, reset: string) => ({
  'x-ratelimit-remaining-requests': remaining,
  'x-ratelimit-reset-requests': reset,
});
const tokens = (remaining: string, reset: string) => ({
  'x-ratelimit-remaining-tokens': remaining,
  'x-ratelimit-reset-tokens': reset,
});

it.each<[string, Record<string, string>, number | undefined]>([
  ['nothing', {}, undefined],
  ['seconds', { 'retry-after': '7' }, 7_000],
  ['zero', { 'retry-after': '0' }, 0],
  ['parts of a second', { 'retry-after': ' 1.5 ' }, 1_500],
  ['a date', { 'retry-after': later, date }, 23_000],
  ['a date that has passed', { 'retry-after': date, date: later }, 0],
  ['a date without a date to hold against', { 'retry-after': later }, undefined],
  ['a date and a bad one', { 'retry-after': later, date: 'yesterday' }, undefined],
  ['no date', { 'retry-after': 'Foo, 99 Bar 2000 99:99:99 GMT', date }, undefined],
  ['milliseconds', { 'retry-after-ms': '250.4', 'retry-after': '7' }, 250],
  ['milliseconds that are 0', { 'retry-after-ms': '0', 'retry-after': '1' }, 1_000],
  ['milliseconds that are 0, alone', { 'retry-after-ms': '0' }, 0],
  ['garbage milliseconds', { 'retry-after-ms': 'soon', 'retry-after': '1' }, 1_000],
  ['garbage', { 'retry-after': 'a while' }, undefined],
  ['negative', { 'retry-after': '-5' }, undefined],
  ['an exponent', { 'retry-after': '1e9' }, undefined],
  ['a day', { 'retry-after': '86400' }, 3_600_000],
  ['a used up limit', requests('0', '6m0s'), 360_000],
  ['a used up limit, briefly', requests('0', '12ms'), 12],
  ['a used up limit, with all units', requests('0', '1h2m3.5s'), 3_600_000],
  ['a used up limit in plain seconds', tokens('0', '5'), 5_000],
  ['a limit that is not used up', requests('1', '6m0s'), undefined],
  ['the used up one of two', { ...requests('9', '50m'), ...tokens('0', '2s') }, 2_000],
  ['the longer of two', { ...requests('0', '3s'), ...tokens('0', '2s') }, 3_000],
  ['a garbage reset', requests('0', '5 parsecs'), undefined],
  ['a missing reset', { 'x-ratelimit-remaining-requests': '0' }, undefined],
  ['a limit counts less than what is said', { ...requests('0', '9s'), 'retry-after': '1' }, 1_000],
  ['a limit counts where what is said is garbage', { ...requests('0', '9s'), 'retry-after': 'x' }, 9_000],
])('%s', (_, headers, expected) => expect(retryAfterMs(headers)).toBe(expected));

it.each<[string | undefined, boolean | undefined]>([
  ['true', true],
  ['false', false],
  ['maybe', undefined],
  ['', undefined],
  [undefined, undefined],
])('x-should-retry %j', (said, expected) => {
  expect(shouldRetry(said === undefined ? {} : { 'x-should-retry': said })).toBe(expected);
});

it('is always a whole number within bounds, or nothing', () => {
  const names = ['retry-after', 'retry-after-ms', 'date', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'];
  const value = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.nat().map(String),
    fc.date({ noInvalidDate: true }).map((day) => day.toUTCString()),
  );
  const property = fc.property(fc.dictionary(fc.constantFrom(...names), value), (headers) => {
    const waitMs = retryAfterMs(headers);
    expect(waitMs === undefined || (Number.isInteger(waitMs) && waitMs >= 0 && waitMs <= 3_600_000)).toBe(true);
  });
  fc.assert(property);
});
