import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { Validator } from '@cfworker/json-schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Part, PartSchema, type ResponseFormat, ResponseFormatSchema } from '#gen/antiphon/v1/completion_pb.js';
import { conforms, fitsFormat } from '../../src/core/conformity.ts';

const part = (init: Part['part']): Part => create(PartSchema, { part: init });
const text = (value: string): Part => part({ case: 'text', value });

const fits = (schema: JsonObject, value: unknown): boolean => conforms([text(JSON.stringify(value))], schema);

type Row = readonly [schema: JsonObject, good: readonly unknown[], bad: readonly unknown[]];

const a: JsonObject = { type: 'string' };
const person: JsonObject = {
  $defs: { name: { type: 'string', minLength: 1 } },
  type: 'object',
  properties: { name: { $ref: '#/$defs/name' }, friends: { type: 'array', items: { $ref: '#' } } },
  required: ['name'],
  additionalProperties: false,
};

const rows: readonly Row[] = [
  [{}, [null, 1, 'a', [], {}], []],
  [{ type: 'object' }, [{}], [[], null, 'a']],
  [{ type: 'array' }, [[]], [{}, null]],
  [{ type: 'integer' }, [1, 1.0, -0], [1.5, '1']],
  [{ type: ['string', 'null'] }, ['a', null], [1, []]],
  [{ enum: ['a', 1, { b: [1], a: 2 }] }, ['a', 1, { a: 2, b: [1] }], ['b', '1', { a: 2 }]],
  [{ const: { a: [1, { b: null }] } }, [{ a: [1, { b: null }] }], [{ a: [{ b: null }, 1] }]],
  [{ minimum: 1, maximum: 3 }, [1, 3, 'a'], [0.9, 3.1]],
  [{ exclusiveMinimum: 1, exclusiveMaximum: 3 }, [1.1, 2.9], [1, 3]],
  [{ multipleOf: 0.1 }, [0.3, 1, 'a'], [0.35]],
  [{ minLength: 2, maxLength: 3 }, ['ab', '😀😀😀', 5], ['a', '😀', 'abcd']],
  [{ minItems: 1, maxItems: 2 }, [[1], [1, 2], 'a'], [[], [1, 2, 3]]],
  [{ minProperties: 1, maxProperties: 1 }, [{ a: 1 }, 3], [{}, { a: 1, b: 2 }]],
  [{ required: ['a'] }, [{ a: null }, 'a'], [{}, { b: 1 }]],
  [{ properties: { a }, additionalProperties: false }, [{ a: 'x' }, {}, []], [{ a: 1 }, { b: 'x' }]],
  [{ properties: { a }, additionalProperties: { type: 'number' } }, [{ a: 'x', b: 1 }], [{ b: 'x' }]],
  [{ propertyNames: { maxLength: 1 } }, [{ a: 1 }], [{ ab: 1 }]],
  [{ items: a }, [[], ['a', 'b']], [['a', 1]]],
  [{ prefixItems: [a, { type: 'null' }], items: false }, [['a', null], ['a'], []], [[null], ['a', null, 1]]],
  [{ items: [a, { type: 'null' }] }, [['a', null, 1]], [[null]]],
  [{ contains: a }, [[1, 'a']], [[], [1]]],
  [{ contains: a, minContains: 0, maxContains: 1 }, [[], ['a']], [['a', 'b']]],
  [
    { uniqueItems: true },
    [[1, '1', { a: 1, b: 2 }]],
    [
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
  ],
  [{ allOf: [a, { minLength: 2 }] }, ['ab'], ['a', 12]],
  [{ anyOf: [a, { type: 'null' }] }, ['a', null], [1]],
  [{ oneOf: [{ minimum: 1 }, { maximum: 3 }] }, [0, 4], [2]],
  [{ not: a }, [1], ['a']],
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  [{ if: a, then: { minLength: 2 }, else: { minimum: 2 } }, ['ab', 2], ['a', 1]],
  [{ if: a }, ['a', 1], []],
  [{ dependentRequired: { a: ['b'] } }, [{ a: 1, b: 1 }, { c: 1 }], [{ a: 1 }]],
  [{ dependentSchemas: { a: { required: ['b'] } } }, [{ a: 1, b: 1 }, {}], [{ a: 1 }]],
  [person, [{ name: 'A', friends: [{ name: 'B', friends: [] }] }], [{ name: 'A', friends: [{ name: '' }] }]],
  [{ $defs: { 'a/b~ c': a }, $ref: '#/$defs/a~1b~0%20c' }, ['a'], [1]],
];

describe('an answer', () => {
  it.each(rows.map(([schema, good, bad]) => [JSON.stringify(schema), schema, good, bad] as const))(
    'is held against %s',
    (_, schema, good, bad) => {
      expect(good.filter((value) => !fits(schema, value))).toEqual([]);
      expect(bad.filter((value) => fits(schema, value))).toEqual([]);
    },
  );

  it('may come in several texts, among other parts', () => {
    const thought = part({ case: 'reasoning', value: { $typeName: 'antiphon.v1.ReasoningText', text: '{' } });
    expect(conforms([text('{"a":'), thought, text('"b"}')], { type: 'object' })).toBe(true);
  });

  it('fits nothing when it is not JSON, or nothing at all', () => {
    expect(conforms([text('Here it is: {}')], {})).toBe(false);
    expect(conforms([text('')], {})).toBe(false);
    expect(conforms([], {})).toBe(false);
  });

  it('that calls a tool is not looked at', () => {
    const call = part({
      case: 'toolCall',
      value: { $typeName: 'antiphon.v1.ToolCall', id: 'a', name: 'f', arguments: '{}' },
    });
    expect(conforms([call], { type: 'string' })).toBe(true);
  });
});

describe('the shape that was asked for', () => {
  const wanted = (format: ResponseFormat['format']) => create(ResponseFormatSchema, { format });
  const schema = (value: string) =>
    wanted({
      case: 'jsonSchema',
      value: { $typeName: 'antiphon.v1.JsonSchemaFormat', schema: value, name: 'x', description: '' },
    });
  const object = wanted({ case: 'jsonObject', value: { $typeName: 'antiphon.v1.JsonObjectFormat' } });
  const plain = wanted({ case: 'text', value: { $typeName: 'antiphon.v1.TextFormat' } });
  const strings = schema('{"type":"array","items":{"type":"string"}}');

  it.each<[string, ResponseFormat | undefined, string, boolean | undefined]>([
    ['none', undefined, 'words', undefined],
    ['text', plain, 'words', undefined],
    ['an object', object, '{"a":1}', true],
    ['an object that is none', object, '[1]', false],
    ['an object among words', object, 'Sure: {}', false],
    ['a schema that fits', strings, '["a"]', true],
    ['a schema that does not', strings, '[1]', false],
    ['a schema without JSON', strings, 'words', false],
    ['a schema that is none, which says nothing', schema('['), '1', true],
  ])('%s', (_, format, answer, expected) => {
    expect(fitsFormat(format, [text(answer)])).toBe(expected);
  });
});

describe('a schema', () => {
  it('may have regular expressions, which are not looked at', () => {
    const evil = '^(a+)+$';
    expect(fits({ type: 'string', pattern: evil }, `${'a'.repeat(40)}!`)).toBe(true);
    expect(fits({ pattern: '(' }, 'a')).toBe(true);
    expect(fits({ patternProperties: { [evil]: a }, additionalProperties: false }, { 'x-a': 1 })).toBe(true);
    expect(fits({ format: 'email' }, 'nobody')).toBe(true);
  });

  it('may name its properties like keywords', () => {
    const schema: JsonObject = { properties: { pattern: a, $ref: a, enum: { type: 'number' } }, required: ['pattern'] };
    expect(fits(schema, { pattern: 'a', $ref: 'b', enum: 1 })).toBe(true);
    expect(fits(schema, { pattern: 1 })).toBe(false);
    expect(fits(schema, { enum: 'a', pattern: 'a' })).toBe(false);
    expect(fits(schema, {})).toBe(false);
  });

  it('may name its properties like those of every object', () => {
    const schema = JSON.parse(
      '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}},"required":["toString"]}',
    );
    expect(conforms([text('{"__proto__":1,"toString":1}')], schema)).toBe(false);
    expect(conforms([text('{"__proto__":"a","constructor":"b","toString":1}')], schema)).toBe(true);
    expect(conforms([text('{}')], schema)).toBe(false);
    expect(conforms([text('{}')], { $ref: '#/__proto__' })).toBe(false);
    expect(conforms([text('{}')], JSON.parse('{"constructor":1,"toString":2,"type":"constructor"}'))).toBe(false);
  });

  it.each<[string, JsonObject]>([
    ['to itself', { $ref: '#' }],
    [
      'to each other',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } } },
    ],
    ['to nowhere', { $ref: '#/$defs/none' }],
    ['to another document', { $ref: 'https://example.com/schema.json' }],
    ['to an anchor', { $ref: '#name' }],
    ['that cannot be decoded', { $ref: '#/%' }],
    ['that is no text', { $ref: 1 }],
  ])('that refers %s fits nothing', (_, schema) => {
    expect(fits(schema, {})).toBe(false);
  });

  /** Each level is looked at twice by the one above. */
  const doubling = (levels: number, word: string): JsonObject => {
    const $defs: Record<string, JsonValue> = { d0: { type: 'number' } };
    for (let i = 1; i <= levels; i++) {
      const below = { $ref: `#/$defs/d${i - 1}` };
      $defs[`d${i}`] = { [word]: [below, below] };
    }
    return { $ref: `#/$defs/d${levels}`, $defs };
  };
  const wide = (count: number): JsonValue[] => Array.from({ length: count }, (_, i) => i);
  const nested = (levels: number, inner: JsonValue): JsonObject => {
    let schema: JsonValue = inner;
    for (let i = 0; i < levels; i++) schema = { items: schema, not: { type: 'null' } };
    return schema as JsonObject;
  };
  const deepText = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const longList = JSON.stringify(wide(200_000));
  const longNames = JSON.stringify(Object.fromEntries(wide(100_000).map((i) => [`k${i}`, 1])));

  it.each<[string, JsonObject, string]>([
    ['doubles by allOf', doubling(60, 'allOf'), '1'],
    ['doubles by anyOf', doubling(60, 'anyOf'), '"a"'],
    ['doubles by oneOf', doubling(60, 'oneOf'), '1'],
    ['doubles along the answer', { allOf: [{ items: { $ref: '#' } }, { items: { $ref: '#' } }] }, deepText(60)],
    ['is deep, like the answer', { items: { $ref: '#' } }, deepText(100_000)],
    ['compares a deep answer', { const: 1 }, deepText(100_000)],
    ['compares a deep answer item by item', { uniqueItems: true }, `[${deepText(100_000)},1]`],
    ['has a wide enum', { items: { enum: wide(40_000).map(String) } }, longList],
    ['has many types', { items: { type: wide(40_000).map(String) } }, longList],
    [
      'lists many properties',
      { items: { required: wide(40_000).map(String) } },
      JSON.stringify(wide(50_000).map(() => ({}))),
    ],
    [
      'goes over a wide answer again and again',
      { allOf: wide(20_000).map(() => ({ additionalProperties: true })) },
      longNames,
    ],
    ['counts a wide answer again and again', { allOf: wide(20_000).map(() => ({ minProperties: 1 })) }, longNames],
    ['goes over a long answer again and again', { allOf: wide(20_000).map(() => ({ items: true })) }, longList],
    [
      'cuts a long answer again and again',
      { allOf: wide(20_000).map(() => ({ prefixItems: [true], items: true })) },
      longList,
    ],
    [
      'measures a long text again and again',
      { allOf: wide(20_000).map(() => ({ maxLength: 9e6 })) },
      JSON.stringify('a'.repeat(1e6)),
    ],
    [
      'has many keywords',
      { allOf: wide(1_000).map(() => Object.fromEntries(wide(1_000).map((i) => [`x${i}`, 1]))) },
      '1',
    ],
    ['refers by long words', { items: { $ref: `#/${'a/'.repeat(50_000)}` } }, longList],
  ])('that %s ends soon', (_, schema, answer) => {
    const startMs = performance.now();
    expect(conforms([text(answer)], schema)).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it('may be large, and the answer too, where the work is honest', () => {
    const row: JsonObject = {
      type: 'object',
      properties: Object.fromEntries(wide(10).map((i) => [`field_${i}`, { type: 'string', enum: ['a', 'b', 'c'] }])),
      required: wide(10).map((i) => `field_${i}`),
      additionalProperties: false,
    };
    const line = Object.fromEntries(wide(10).map((i) => [`field_${i}`, 'b']));
    expect(
      fits(
        { type: 'array', items: row },
        wide(2_000).map(() => line),
      ),
    ).toBe(true);
    expect(conforms([text(deepText(50))], nested(49, { type: 'array' }))).toBe(true);
  });
});

describe('any schema and any answer', () => {
  const leaf: fc.Arbitrary<JsonValue> = fc.constantFrom<JsonValue>(null, true, 0, 1, 2.5, 3, '', 'a', 'ab', '😀');
  const value = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
    ) as fc.Arbitrary<JsonValue>,
  })).value;
  const count = fc.nat({ max: 3 });
  const typeName = fc.constantFrom('null', 'boolean', 'number', 'integer', 'string', 'array', 'object');
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 });
  const schema = fc.letrec<{ schema: JsonValue }>((tie) => {
    const sub = tie('schema');
    const list = fc.array(sub, { minLength: 1, maxLength: 3 });
    const map = fc.dictionary(fc.constantFrom('a', 'b', 'c'), sub, { maxKeys: 3 });
    return {
      schema: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        fc.boolean(),
        fc.record(
          {
            type: fc.oneof(typeName, fc.uniqueArray(typeName, { minLength: 1, maxLength: 3 })),
            enum: fc.array(value, { minLength: 1, maxLength: 3 }),
            const: value,
            minimum: count,
            exclusiveMaximum: count,
            multipleOf: fc.constantFrom(0.5, 1, 2),
            minLength: count,
            maxLength: count,
            minItems: count,
            maxProperties: count,
            uniqueItems: fc.boolean(),
            required: names,
            dependentRequired: fc.dictionary(fc.constantFrom('a', 'b'), names),
            properties: map,
            additionalProperties: sub,
            propertyNames: sub,
            items: sub,
            prefixItems: list,
            contains: sub,
            allOf: list,
            anyOf: list,
            oneOf: list,
            not: sub,
            if: sub,
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            then: sub,
            else: sub,
            dependentSchemas: map,
          },
          { requiredKeys: [] },
        ),
      ) as fc.Arbitrary<JsonValue>,
    };
  }).schema;

  it('agree as an independent validator says', () => {
    fc.assert(
      fc.property(schema, value, (any, answer) => {
        const wrapped: JsonObject = { allOf: [any] };
        const expected = new Validator(structuredClone(wrapped), '2020-12', true).validate(answer).valid;
        expect(fits(wrapped, answer)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  const words = fc.constantFrom(
    '$ref',
    'type',
    'enum',
    'const',
    'items',
    'prefixItems',
    'allOf',
    'oneOf',
    'not',
    'if',
    'properties',
    'required',
    'minLength',
    'multipleOf',
    'uniqueItems',
    'contains',
    'dependentSchemas',
    'propertyNames',
    '__proto__',
  );
  const nonsense = fc.letrec<{ any: JsonValue }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom('#', '#/not', 'string'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(words, tie('any'), { maxKeys: 4 }),
    ) as fc.Arbitrary<JsonValue>,
  })).any;

  it('never throw, whatever they are, and are not changed', () => {
    fc.assert(
      fc.property(fc.dictionary(words, nonsense), fc.oneof(fc.json(), fc.string()), (any, answer) => {
        const before = JSON.stringify(any);
        expect(typeof conforms([text(answer)], any)).toBe('boolean');
        expect(JSON.stringify(any)).toBe(before);
      }),
      { numRuns: 2_000 },
    );
  });
});
