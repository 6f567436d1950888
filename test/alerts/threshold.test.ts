import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Threshold } from '../../src/alerts/threshold.ts';

/** Which of these values are told. */
function told(values: readonly number[], threshold: number): readonly number[] {
  const state = new Threshold();
  return values.flatMap((value, i) => (state.reached(value, threshold) ? [i] : []));
}

const values = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 100 });
const threshold = fc.integer({ min: 1, max: 20 });

describe('a threshold', () => {
  it('is never told below it', () => {
    fc.assert(
      fc.property(values, threshold, (all, least) => {
        for (const i of told(all, least)) expect(all[i]).toBeGreaterThanOrEqual(least);
      }),
    );
  });

  it('is told once until it has been good again, and then at the next crossing', () => {
    fc.assert(
      fc.property(values, threshold, (all, least) => {
        let wasGood = true;
        const expected: number[] = [];
        for (const [i, value] of all.entries()) {
          if (value >= least && wasGood) expected.push(i);
          if (value >= least) wasGood = false;
          else if (value < 0.9 * least) wasGood = true;
        }
        expect(told(all, least)).toEqual(expected);
      }),
    );
  });

  it.each<[readonly number[], readonly number[]]>([
    [[9, 10, 11, 10], [1]],
    [[10, 9.5, 10], [0]],
    [
      [10, 8.9, 10],
      [0, 2],
    ],
  ])('of 10: of %j it tells %j', (all, expected) => {
    expect(told(all, 10)).toEqual(expected);
  });
});
