import { expect, it } from 'vitest';
import { dayOf, todayBy } from '../../src/catalogue/day.ts';

it.each([
  [0, '1970-01-01'],
  [Date.UTC(2026, 10, 21), '2026-11-21'],
  [Date.UTC(2026, 10, 22) - 1, '2026-11-21'],
  [Date.UTC(2028, 1, 29, 12), '2028-02-29'],
])('%i is on %s', (wallMs, day) => {
  expect(dayOf(wallMs)).toBe(day);
});

it('is another day from midnight on, in UTC', () => {
  let wallMs = Date.UTC(2026, 10, 22) - 1;
  const today = todayBy({ wallMs: () => wallMs });
  expect([today(), today()]).toEqual(['2026-11-21', '2026-11-21']);
  wallMs++;
  expect(today()).toBe('2026-11-22');
  // A clock may be put back.
  wallMs--;
  expect(today()).toBe('2026-11-21');
});
