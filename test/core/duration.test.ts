import { durationMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration } from '../../src/core/duration.ts';

/** Longer than any process runs, and short enough for a double to have its nanoseconds. */
const LONGEST_MS = 90 * 24 * 3_600_000;

describe('duration', () => {
  it('keeps a time to the nanosecond', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: LONGEST_MS, noNaN: true }), (ms) => {
        const { seconds, nanos } = duration(ms);
        const back = Number(seconds) * 1e3 + nanos / 1e6;
        expect(Math.abs(back - ms)).toBeLessThanOrEqual(1e-6 + ms * Number.EPSILON);
      }),
    );
  });

  it('is within the bounds of its type', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e15, max: 1e15, noNaN: true }), (ms) => {
        const { seconds, nanos } = duration(ms);
        expect(Number.isInteger(nanos) && nanos >= 0 && nanos < 1e9).toBe(true);
        expect(seconds >= 0n).toBe(true);
      }),
    );
  });

  it.each([
    [0, 0n, 0],
    [0.000001, 0n, 1],
    [999.9999999, 1n, 0],
    [1_000, 1n, 0],
    [61_500.25, 61n, 500_250_000],
    [-1, 0n, 0],
  ])('%d ms is %d s and %d ns', (ms, seconds, nanos) => {
    expect(duration(ms)).toMatchObject({ seconds, nanos });
  });

  it('is understood by others', () => {
    expect(durationMs(duration(1_234))).toBe(1_234);
  });
});
