import { describe, expect, it } from 'vitest';
import { asArray, asCount, asObject, tryParseJson } from '../../src/core/json.ts';

describe('tryParseJson', () => {
  it.each([
    ['{"a":[1]}', { a: [1] }],
    ['null', null],
    ['{"a":', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(tryParseJson(text)).toEqual(expected);
  });
});

describe('what a value is', () => {
  it.each<[unknown, boolean, number, number | undefined]>([
    [{ a: 1 }, true, 0, undefined],
    [[1, 2], false, 2, undefined],
    [null, false, 0, undefined],
    ['1', false, 0, undefined],
    [0, false, 0, 0],
    [2 ** 53, false, 0, undefined],
    [-1, false, 0, undefined],
    [1.5, false, 0, undefined],
  ])('%j', (value, isObject, items, count) => {
    expect([asObject(value) === value, asArray(value).length, asCount(value)]).toEqual([isObject, items, count]);
  });
});
