import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wireSchema } from '../../../src/dialects/gemini/schema.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';
import { cleanJson, isJsonObject } from '../../../src/wire/json.ts';

function send(schema: object) {
  const clean = cleanJson(schema);
  if (!isJsonObject(clean)) throw new Error('unreachable');
  const warnings = new Warnings();
  const { sent, isWhole } = wireSchema(clean, 'here', warnings);
  const [warning] = warnings.all;
  expect(warning === undefined).toBe(isWhole);
  return [sent, warning?.message.replace(/.*: (.*)\.$/, '$1') ?? ''] as const;
}

describe('a schema', () => {
  it.each<[string, object, object, string]>([
    [
      'of what is taken stays',
      { type: 'object', properties: { default: { type: ['string', 'null'], format: 'date' } }, required: ['default'] },
      { type: 'object', properties: { default: { type: ['string', 'null'], format: 'date' } }, required: ['default'] },
      '',
    ],
    ['loses the rest', { type: 'string', pattern: 'a', default: 'a' }, { type: 'string' }, 'pattern, default'],
    ['loses remarks without a word', { $schema: 's', $comment: 'c', title: 't' }, { title: 't' }, ''],
    [
      'is looked through',
      { properties: { a: { items: { anyOf: [{ minLength: 1 }, { not: {} }] } } }, additionalProperties: { if: {} } },
      { properties: { a: { items: { anyOf: [{}, {}] } } }, additionalProperties: {} },
      'minLength, not, if',
    ],
    [
      'keeps schemas that are only yes or no',
      { additionalProperties: false, items: true },
      { additionalProperties: false, items: true },
      '',
    ],
    ['has a constant as the only value', { const: 'a' }, { enum: ['a'] }, ''],
    ['has no constant of another kind', { type: 'boolean', const: true }, { type: 'boolean' }, 'const'],
    ['lists texts and numbers only', { enum: ['a', 1, null] }, { enum: ['a', 1] }, 'enum'],
    ['lists nothing rather than nothing at all', { enum: [true] }, {}, 'enum'],
    [
      'has definitions under the newer name',
      { definitions: { A: { type: 'string' } }, $ref: '#/definitions/A' },
      { $defs: { A: { type: 'string' } }, $ref: '#/$defs/A' },
      '',
    ],
    [
      'has definitions of both names together',
      { definitions: { A: {}, B: { title: 'old' } }, $defs: { B: { title: 'new' } } },
      { $defs: { A: {}, B: { title: 'new' } } },
      '',
    ],
    ['has nothing beside a reference', { $ref: '#', description: 'd' }, { $ref: '#' }, 'description'],
    [
      'has places of a list under their own name',
      { items: [{ type: 'string' }] },
      { prefixItems: [{ type: 'string' }] },
      '',
    ],
    [
      'is one with the only schema of all',
      { allOf: [{ type: 'string', title: 'a' }], title: 'b' },
      { type: 'string', title: 'b' },
      '',
    ],
    ['is not one with several', { allOf: [{}, {}], title: 'b' }, { title: 'b' }, 'allOf'],
    [
      'of a wrong shape loses it',
      { properties: [], anyOf: {}, allOf: 7, enum: 'a' },
      {},
      'properties, anyOf, enum, allOf',
    ],
    ['does not quote odd names', { 'my "secret" text': 1, a: 1 }, {}, 'a, others'],
  ])('%s', (_, schema, sent, left) => {
    const [got, names] = send(schema);
    expect(got).toEqual(sent);
    expect(names.split(', ').sort()).toEqual(left.split(', ').sort());
  });

  it('that was restated is not changed any more', () => {
    const keyword = fc.constantFrom(
      'type',
      'const',
      'enum',
      'items',
      'properties',
      'allOf',
      'anyOf',
      '$ref',
      'pattern',
      'definitions',
    );
    fc.assert(
      fc.property(fc.dictionary(keyword, fc.jsonValue({ maxDepth: 4 })), (schema) => {
        const [once] = send(schema as object);
        expect(send(once)).toEqual([once, '']);
      }),
      { numRuns: 300 },
    );
  });

  it('may be as deep as one can be read', () => {
    let schema: object = { pattern: 'a' };
    for (let i = 0; i < 50; i++) schema = { items: schema };
    expect(send(schema)[1]).toBe('pattern');
  });
});
