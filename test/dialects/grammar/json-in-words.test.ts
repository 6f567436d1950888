import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { type ResponseFormat, ResponseFormatSchema } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { jsonInWords } from '../../../src/dialects/grammar/json-in-words.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';

type Format = Exclude<MessageInitShape<typeof ResponseFormatSchema>, ResponseFormat>['format'];

function asked(format?: Format) {
  const warnings = new Warnings();
  const words = jsonInWords(create(ResponseFormatSchema, format ? { format } : {}).format, warnings);
  return { words, warned: warnings.all.map(({ field }) => field) };
}

it('asks for nothing where plain text is wanted', () => {
  expect(asked()).toEqual({ words: undefined, warned: [] });
});

it('asks for an object', () => {
  const { words, warned } = asked({ case: 'jsonObject', value: {} });
  expect(words?.instruction).toContain('one JSON object');
  expect(words?.unenforced).toEqual({ type: 'object' });
  expect(warned).toEqual(['response_format.json_object']);
});

it('asks for what fits a schema, and says what it is', () => {
  const schema = '{"type":"array","description":"x\\ud800"}';
  const { words, warned } = asked({ case: 'jsonSchema', value: { name: 'n', schema, description: 'A list\ud800.' } });
  expect(words?.unenforced).toEqual({ type: 'array', description: 'x\ufffd' });
  expect(words?.instruction).toContain(' It is: A list\ufffd.\n{"type":"array","description":"x\ufffd"}');
  expect(warned).toEqual(['response_format.json_schema']);
});

it('says nothing of what it is where nothing is said', () => {
  const { words } = asked({ case: 'jsonSchema', value: { name: 'n', schema: '{}' } });
  expect(words?.instruction).toBe('Answer with JSON that fits this JSON Schema, and nothing else.\n{}');
});

it.each(['', 'x', '[]', 'true', '{'])('refuses a schema that is no JSON object: %j', (schema) => {
  const refused = expect(() => asked({ case: 'jsonSchema', value: { name: 'n', schema } }));
  refused.toThrow(GatewayError);
  refused.toThrow('response_format.json_schema.schema must be');
});
