import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import { asArray, asCount, asObject, asString, tryParseJson } from '../../src/core/json.ts';
import { cleanJson, cleanObjectText, parseJson } from '../../src/wire/json.ts';

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

describe('parseJson', () => {
  it('parses', () => expect(parseJson('{"a":[1]}')).toEqual({ a: [1] }));

  it.each(['', '{"a":', 'secret words', '{"a":1}}'])('tells nothing of what is not JSON: %j', (text) => {
    let error: unknown;
    try {
      parseJson(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(GatewayError);
    const { kind, message, facts, cause } = error as GatewayError;
    expect({ kind, facts, cause }).toEqual({ kind: 'upstream_bad_response', facts: {}, cause: undefined });
    expect(message).not.toContain('secret');
  });

  it('gives undefined for what may well not be JSON', () => {
    expect(tryParseJson('<html>')).toBeUndefined();
    expect(tryParseJson('[1]')).toEqual([1]);
  });
});

it.each<[unknown, unknown, unknown, unknown, unknown]>([
  [{ a: 1 }, { a: 1 }, [], '', undefined],
  [[1], undefined, [1], '', undefined],
  ['text', undefined, [], 'text', undefined],
  [7, undefined, [], '', 7],
  [0, undefined, [], '', 0],
  [-1, undefined, [], '', undefined],
  [1.5, undefined, [], '', undefined],
  [2 ** 53, undefined, [], '', undefined],
  [Number.NaN, undefined, [], '', undefined],
  ['7', undefined, [], '7', undefined],
  [null, undefined, [], '', undefined],
  [undefined, undefined, [], '', undefined],
  [true, undefined, [], '', undefined],
])('reads %j as object, list, text and count', (value, object, list, text, count) => {
  expect([asObject(value), asArray(value), asString(value), asCount(value)]).toEqual([object, list, text, count]);
});

describe('cleanJson', () => {
  it('copies, with whole characters only', () => {
    const value = { 'a\ud800': ['b\udc00', 1, true, null, { c: '🗼' }] };
    expect(cleanJson(value)).toEqual({ 'a\ufffd': ['b\ufffd', 1, true, null, { c: '🗼' }] });
    expect(cleanJson(value)).not.toBe(value);
  });

  it('lets no key reach a prototype', () => {
    const clean = cleanObjectText(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"a":1}',
    );
    expect(Object.keys(clean ?? {})).toEqual(['constructor', 'a']);
    expect(Object.getPrototypeOf(clean)).toBe(Object.prototype);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('gives up on what is too deep, without running out of stack', () => {
    expect(cleanJson(nested(3), 3)).toEqual([[[]]]);
    expect(cleanJson(nested(4), 3)).toBeUndefined();
    expect(cleanJson({ a: nested(100_000) })).toBeUndefined();
  });

  it.each([[undefined], [Number.NaN], [Number.POSITIVE_INFINITY], [() => 1], [1n], [{ a: undefined }]])(
    'gives undefined for what is not JSON: %s',
    (value) => expect(cleanJson(value)).toBeUndefined(),
  );

  it.each(['[1]', '1', 'null', '"a"', '{', ''])('is no object: %s', (text) =>
    expect(cleanObjectText(text)).toBeUndefined(),
  );
});
