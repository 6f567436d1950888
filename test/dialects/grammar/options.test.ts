import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { addOptions } from '../../../src/dialects/grammar/options.ts';

const owned = new Set(['model', 'config.seed', '__proto__.model']);

function added(body: JsonObject, options: JsonObject | undefined): JsonObject {
  addOptions(body, options, 'p', owned);
  return body;
}

/** The fields that it is refused for. */
function refused(options: JsonObject): readonly string[] {
  try {
    added({}, options);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return (thrown.facts.violations ?? []).map(({ field }) => field);
  }
  return [];
}

describe('options', () => {
  it.each<[string, JsonObject, JsonObject | undefined, JsonObject]>([
    ['none', { a: 1 }, undefined, { a: 1 }],
    ['a new field', { a: 1 }, { b: [2] }, { a: 1, b: [2] }],
    ['into an object', { config: { a: 1, b: 1 } }, { config: { b: 2, c: 3 } }, { config: { a: 1, b: 2, c: 3 } }],
    ['in the place of what is no object', { a: [1], b: 1 }, { a: { c: 1 }, b: null }, { a: { c: 1 }, b: null }],
    ['one level deep only', { a: { b: { c: 1 } } }, { a: { b: { d: 2 } } }, { a: { b: { d: 2 } } }],
    ['well-formed', {}, { 'a\ud800': 'b\ud800' }, { 'a\ufffd': 'b\ufffd' }],
    ['named as what every object has', {}, { constructor: { a: 1 } }, { constructor: { a: 1 } }],
  ])('%s', (_, body, options, expected) => expect(added(body, options)).toEqual(expected));

  it('change neither themselves nor what they are put into', () => {
    const config = { a: 1 };
    const options = { config: { b: 2 } };
    expect(added({ config }, options)).toEqual({ config: { a: 1, b: 2 } });
    expect([config, options]).toEqual([{ a: 1 }, { config: { b: 2 } }]);
  });
});

describe('owned fields', () => {
  it.each<[JsonObject, string[]]>([
    [{ model: 'x' }, ['model']],
    [{ model: null, a: 1, config: { seed: 1, b: 2 } }, ['model', 'config.seed']],
    [{ config: { other: { seed: 1 } } }, []],
    [{ config: ['seed'] }, ['config']],
    [{ config: null }, ['config']],
    [{ a: { model: 1 } }, []],
  ])('%j is refused for %j', (options, fields) => {
    expect(refused(options)).toEqual(fields.map((field) => `provider_options["p"].${field}`));
  });

  it('are not set, whatever the options', () => {
    const property = fc.property(fc.dictionary(fc.constantFrom('model', 'config', 'a'), fc.jsonValue()), (given) => {
      const options = JSON.parse(JSON.stringify(given));
      const body: JsonObject = { model: 'm', config: { seed: 1 } };
      const held = Object(options.config);
      const isReplaced = 'config' in options && (held !== options.config || Array.isArray(held));
      const has = 'model' in options || isReplaced || Object.hasOwn(held, 'seed');
      if (has) expect(() => added(body, options)).toThrow(GatewayError);
      else expect(added(body, options).model).toBe('m');
    });
    fc.assert(property);
  });
});

describe('__proto__', () => {
  it('is left out, wherever it stands', () => {
    const options = JSON.parse('{"__proto__":{"model":"x","polluted":1},"a":{"__proto__":{"polluted":1}}}');
    const body = added({ a: { b: 1 } }, options);
    expect(JSON.stringify(body)).toBe('{"a":{"b":1}}');
    expect([Reflect.get(body, 'polluted'), Reflect.get({}, 'polluted')]).toEqual([undefined, undefined]);
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
  });
});
