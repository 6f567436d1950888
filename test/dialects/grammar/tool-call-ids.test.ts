import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toolCallIds } from '../../../src/dialects/grammar/tool-call-ids.ts';

const WORD = /^[\w-]+$/;

describe('an id', () => {
  it.each<[string, number, RegExp | undefined, string]>([
    ['call_1', 6, WORD, 'call_1'],
    ['call_12', 6, WORD, 'call_long_0'],
    ['a b', 6, undefined, 'a b'],
    ['a b', 6, WORD, 'call_long_0'],
    ['', 6, WORD, 'call_long_0'],
    ['a\ud800', 6, undefined, 'a\ufffd'],
  ])('%j of at most %i characters of %s is sent as %j', (id, most, alphabet, expected) => {
    expect(toolCallIds(most, alphabet)(id)).toBe(expected);
  });

  it.each<[string[], string[]]>([
    [
      ['x'.repeat(99), 'y'.repeat(99), 'x'.repeat(99)],
      ['call_long_0', 'call_long_1', 'call_long_0'],
    ],
    [
      ['x'.repeat(99), 'call_long_0'],
      ['call_long_0', 'call_long_1'],
    ],
    [
      ['call_long_0', 'x'.repeat(99)],
      ['call_long_0', 'call_long_1'],
    ],
    [
      ['a\ud800', 'a\ud801'],
      ['a\ufffd', 'call_long_0'],
    ],
  ])('is no other’s: %j', (ids, expected) => expect(ids.map(toolCallIds(40))).toEqual(expected));
});

it('the same ids are always the same, and different ones differ', () => {
  const id = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.nat(5).map((n) => `call_long_${n}`),
    fc.constantFrom('x'.repeat(41), 'y'.repeat(41)),
  );
  const property = fc.property(fc.uniqueArray(id), fc.constantFrom(undefined, WORD), (ids, alphabet) => {
    const wireId = toolCallIds(40, alphabet);
    const wired = ids.map(wireId);
    expect(new Set(wired).size).toBe(ids.length);
    expect(ids.map(wireId)).toEqual(wired);
    expect(wired.every((one) => one.length <= 40 && one.isWellFormed() && alphabet?.test(one) !== false)).toBe(true);
  });
  fc.assert(property);
});
