import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { isCircular } from '../../../src/dialects/anthropic-messages/circular.ts';
import { closedSchema } from '../../../src/dialects/anthropic-messages/closed-schema.ts';
import { inputSchema } from '../../../src/dialects/anthropic-messages/input-schema.ts';

const text = { type: 'string' };
const shut = { additionalProperties: false };

describe('a closed schema', () => {
  it.each<[string, JsonObject, JsonObject, { moved?: true; closed?: true }]>([
    ['of no object', text, text, {}],
    [
      'that is closed',
      { type: 'object', properties: { a: text }, ...shut },
      { type: 'object', properties: { a: text }, ...shut },
      {},
    ],
    ['of no properties', { type: 'object', ...shut }, { type: 'object', properties: {}, ...shut }, {}],
    [
      'that was open',
      { type: 'object', properties: { a: text } },
      { type: 'object', properties: { a: text }, ...shut },
      { closed: true },
    ],
    [
      'that was open on purpose',
      { properties: { a: text }, additionalProperties: true },
      { properties: { a: text }, ...shut },
      { closed: true },
    ],
    [
      'of an object or nothing',
      { type: ['object', 'null'], properties: { a: text } },
      { type: ['object', 'null'], properties: { a: text }, ...shut },
      { closed: true },
    ],
    [
      'whose rules are enforced',
      { title: 't', description: 'd', enum: ['a', null], const: 1, format: 'uuid', minItems: 1 },
      { title: 't', description: 'd', enum: ['a', null], const: 1, format: 'uuid', minItems: 1 },
      {},
    ],
    [
      'whose rules are not',
      { ...text, description: 'd', format: 'iri', pattern: 'x', minItems: 2, enum: [{}], const: [] },
      { ...text, description: 'd\n\n(format: "iri", pattern: "x", minItems: 2, enum: [{}], const: [])' },
      { moved: true },
    ],
    ['of notes', { ...text, default: 'x', $schema: 's', $id: 'i' }, { ...text, description: '(default: "x")' }, {}],
    [
      'of names that JavaScript knows',
      { constructor: text },
      { description: '(constructor: {"type":"string"})' },
      { moved: true },
    ],
    [
      'within a list',
      { type: 'array', items: { pattern: 'x' } },
      { type: 'array', items: { description: '(pattern: "x")' } },
      { moved: true },
    ],
    ['of a choice', { anyOf: [text, { type: 'null' }] }, { anyOf: [text, { type: 'null' }] }, {}],
    ['of one of several', { oneOf: [text] }, { anyOf: [text] }, { moved: true }],
    ['of all of one', { allOf: [text] }, { allOf: [text] }, {}],
    [
      'of definitions',
      {
        $ref: '#/$defs/a',
        $defs: { a: { properties: { b: { $ref: '#/definitions/c', description: 'd' } } } },
        definitions: { c: text },
      },
      {
        $ref: '#/$defs/a',
        $defs: { a: { properties: { b: { $ref: '#/definitions/c' } }, ...shut } },
        definitions: { c: text },
      },
      { closed: true },
    ],
  ])('%s', (_, given, schema, facts) => {
    expect(closedSchema(given)).toEqual({ moved: false, closed: false, ...facts, schema });
  });

  it.each<[string, JsonObject]>([
    ['an object of any properties', { type: 'object' }],
    ['an object of properties by a rule', { type: 'object', properties: { a: text }, additionalProperties: text }],
    ['anything', { type: 'array', items: true }],
    ['a list by place', { type: 'array', items: [text] }],
    ['properties in several places', { properties: { a: text }, anyOf: [{ required: ['a'] }] }],
    ['two choices', { anyOf: [text], oneOf: [text] }],
    ['all of several', { allOf: [{ properties: { a: text } }, { properties: { b: text } }] }],
    ['what is elsewhere', { $ref: 'https://example.com/schema' }],
    ['the whole within itself', { properties: { a: { $ref: '#' } } }],
    ['a rule beside a reference', { properties: { a: { $ref: '#/$defs/b', minProperties: 1 } }, $defs: { b: text } }],
    ['itself', { $ref: '#/$defs/a', $defs: { a: { properties: { b: { $ref: '#/$defs/a' } } } } }],
    [
      'itself by way of another',
      { $defs: { a: { items: { $ref: '#/$defs/b' } }, b: { items: { $ref: '#/$defs/a' } } }, $ref: '#/$defs/a' },
    ],
    ['a definition that cannot be closed', { $ref: '#/$defs/a', $defs: { a: { type: 'object' } } }],
  ])('cannot be of %s', (_, given) => expect(closedSchema(given)).toBeUndefined());
});

describe('references', () => {
  const names = (all: Record<string, string[]>) =>
    new Map(Object.entries(all).map(([from, to]) => [from, new Set(to)]));

  it.each<[boolean, Record<string, string[]>]>([
    [false, {}],
    [false, { a: ['b', 'c'], b: ['d'], c: ['d'] }],
    [true, { a: ['a'] }],
    [true, { z: ['a'], a: ['b'], b: ['c'], c: ['a', 'd'] }],
  ])('lead back: %s for %j', (circular, references) => expect(isCircular(names(references))).toBe(circular));

  it('are followed fast, however many ways there are', () => {
    const layers = Array.from({ length: 10_000 }, (_, i) => [
      [`a${i}`, [`a${i + 1}`, `b${i + 1}`]],
      [`b${i}`, [`a${i + 1}`, `b${i + 1}`]],
    ]).flat();
    expect(isCircular(names(Object.fromEntries(layers)))).toBe(false);
  });
});

describe('the schema of a tool', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['has a type', { properties: {} }, { type: 'object', properties: {} }],
    [
      'keeps a choice that is not at the root',
      { properties: { a: { anyOf: [text] } } },
      { type: 'object', properties: { a: { anyOf: [text] } } },
    ],
    ['keeps what is no choice', { anyOf: 5, $defs: {} }, { type: 'object', $defs: {} }],
  ])('%s', (_, given, schema) => expect(inputSchema(given)).toEqual({ schema, flattened: false }));

  it.each<[string, JsonObject, JsonObject, string[]]>([
    [
      'all of several',
      {
        allOf: [
          { properties: { a: text }, required: ['a'] },
          { properties: { b: text }, required: ['b'] },
        ],
      },
      { a: text, b: text },
      ['a', 'b'],
    ],
    [
      'any of several',
      {
        anyOf: [
          { properties: { a: text, b: text }, required: ['a', 'b'] },
          { properties: { b: { type: 'integer' } }, required: ['b'] },
          { required: ['b', 'c', 'a'] },
          { required: ['c', 'b'] },
        ],
      },
      { a: text, b: { anyOf: [text, { type: 'integer' }] } },
      ['b'],
    ],
    [
      'one of several',
      { properties: { c: text }, required: ['c'], oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      { c: text },
      ['c'],
    ],
    [
      'what a reference leads to',
      { anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/none' }], $defs: { a: { properties: { a: text } } } },
      { a: text },
      [],
    ],
  ])('has the properties of %s', (_, given, properties, required) => {
    const { schema, flattened } = inputSchema({ description: 'd', ...given });
    expect(flattened).toBe(true);
    expect(schema.properties).toEqual(properties);
    expect(schema.required ?? []).toEqual(required);
    expect(Object.keys(schema)).not.toEqual(expect.arrayContaining(['anyOf']));
    expect(schema.description).toMatch(/^d\nThe arguments also have to fit \{"(?:all|any|one)Of":\[.*\]\}$/);
  });
});
