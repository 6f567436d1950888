import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { type Init, wire } from './send.ts';

type Format = Init['responseFormat'];
const json: Format = { format: { case: 'jsonObject', value: {} } };
const schema: Format = { format: { case: 'jsonSchema', value: { name: 'n', schema: '{"type":"array"}' } } };

/** The field, what is left to hold the answer against, and where warnings are about. */
function asked(responseFormat: Format, jsonObject: boolean, jsonSchema: boolean) {
  const init: Init = responseFormat ? { responseFormat } : {};
  const { body, unenforced, warnings } = wire(init, { jsonObject, jsonSchema });
  return [body.response_format, unenforced, warnings.map(({ field }) => field)];
}

const OBJECT = { type: 'json_object' };
const SCHEMA = { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'array' } } };

describe('the shape of the answer', () => {
  it.each<[string, Format, boolean, boolean, unknown[]]>([
    ['text', undefined, false, false, [undefined, undefined, []]],
    ['JSON', json, true, false, [OBJECT, undefined, []]],
    ['JSON, no field', json, false, false, [undefined, { type: 'object' }, ['response_format.json_object']]],
    ['JSON, only a schema', json, false, true, [undefined, { type: 'object' }, ['response_format.json_object']]],
    ['a schema', schema, true, true, [SCHEMA, undefined, []]],
    ['a schema, only JSON', schema, true, false, [OBJECT, { type: 'array' }, ['response_format.json_schema']]],
    ['a schema, no field', schema, false, false, [undefined, { type: 'array' }, ['response_format.json_schema']]],
  ])('%s', (_, format, jsonObject, jsonSchema, expected) => {
    expect(asked(format, jsonObject, jsonSchema)).toEqual(expected);
  });
});

describe('the words for it', () => {
  const { SYSTEM, DEVELOPER, USER } = Role;
  const words = { content: 'Answer with one JSON object and nothing else.' };

  it.each<[string, Role[], 'system' | 'developer' | 'as_given', object[]]>([
    ['nothing else', [], 'system', [{ role: 'system', ...words }]],
    ['a question', [USER], 'system', [{ role: 'system', ...words }, { role: 'user' }]],
    [
      'instructions',
      [DEVELOPER, SYSTEM, USER, SYSTEM],
      'as_given',
      [{ role: 'developer' }, { role: 'system' }, { role: 'system', ...words }, { role: 'user' }, { role: 'system' }],
    ],
    ['another role', [SYSTEM], 'developer', [{ role: 'developer' }, { role: 'developer', ...words }]],
  ])('stand behind the first instructions: %s', (_, roles, instructions, expected) => {
    const messages = roles.map((role) => ({ role, content: [{ part: { case: 'text' as const, value: 'a' } }] }));
    const { body } = wire({ messages, responseFormat: json }, { jsonObject: false, instructions });
    expect(body.messages).toEqual(expected.map((message) => ({ content: 'a', ...message })));
  });
});
