import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { gemini } from '../../../src/dialects/gemini.ts';
import { geminiQuirks } from '../../../src/providers/google.ts';
import { failureOf } from './hear.ts';
import { type Init, warned, wire } from './send.ts';

const format = (schema: string, description = ''): Init => ({
  responseFormat: { format: { case: 'jsonSchema', value: { name: 'n', schema, description } } },
});
const withTools = (init: Init): Init => ({ ...init, tools: [{ name: 'f' }] }) as Init;
const tools = [{ name: 'f' }];

describe('JSON that fits a schema', () => {
  it('is held against the schema only where the provider does not see to all of it', () => {
    expect(wire(format('{"type":"string"}')).unenforced).toBeUndefined();
    expect(wire(format('{"type":"string","minLength":1}')).unenforced).toEqual({ type: 'string', minLength: 1 });
    expect(wire(format('{"type":"string"}'), { json: 'never' }).unenforced).toEqual({ type: 'string' });
  });

  it('is asked for in words beside tools where it has to be', () => {
    expect(wire(withTools(format('{}')), { json: 'without_tools' }).body).toMatchObject({
      systemInstruction: { parts: [{ text: expect.stringContaining('JSON Schema') }] },
    });
    expect(wire(format('{}'), { json: 'without_tools' }).body).not.toHaveProperty('systemInstruction');
  });

  it('keeps a description of its own', () => {
    const described = (schema: string) => wire(format(schema, 'ours')).body.generationConfig;
    expect(described('{"description":"its own"}')).toMatchObject({ responseJsonSchema: { description: 'its own' } });
    expect(described('{}')).toMatchObject({ responseJsonSchema: { description: 'ours' } });
  });

  it('needs a schema that is JSON', () => {
    expect(failureOf(() => wire(format('{'))).kind).toBe('invalid_request');
  });
});

describe('calling', () => {
  const mode = (init: Init) => {
    const config = wire(init).body.toolConfig;
    return JSON.stringify(config ?? null).match(/(?<="mode":")\w+/)?.[0];
  };
  const strict = [{ name: 'f', strict: true }, { name: 'g' }];
  const choice = (value: ToolChoiceMode) => ({ choice: { case: 'mode', value } }) as const;

  it.each<[string, Init, string | undefined]>([
    ['free', { tools }, undefined],
    ['free, not strict', { tools: [{ name: 'f', strict: false }] }, undefined],
    ['strict', { tools: strict }, 'VALIDATED'],
    ['strict, free', { tools: strict, toolChoice: choice(ToolChoiceMode.AUTO) }, 'VALIDATED'],
    ['strict, not at all', { tools: strict, toolChoice: choice(ToolChoiceMode.NONE) }, 'NONE'],
    ['strict, at least one', { tools: strict, toolChoice: choice(ToolChoiceMode.REQUIRED) }, 'ANY'],
    ['strict, this one', { tools: strict, toolChoice: { choice: { case: 'name', value: 'g' } } }, 'ANY'],
  ])('%s', (_, init, expected) => {
    expect(mode(init)).toBe(expected);
  });
});

it('says nothing of settings that it has no other word for', () => {
  expect(warned({ promptCacheKey: 'k', labels: { a: 'b' }, requestType: 'summary' })).toEqual([]);
});

it.each([
  ['gemini-3-flash', '/models/gemini-3-flash'],
  ['../../v1/x', '/models/..%2F..%2Fv1%2Fx'],
  ['a?b#c%d', '/models/a%3Fb%23c%25d'],
  ['a:streamGenerateContent', '/models/a%3AstreamGenerateContent'],
  ['..', '/models/..'],
  ['\ud83d', '/models/%EF%BF%BD'],
])('the model %j is one segment of the path', (model, path) => {
  const send = (stream: boolean) =>
    gemini(geminiQuirks).toWire(create(CompleteRequestSchema), { provider: 'google', model }, stream).path;
  expect(send(false)).toBe(`${path}:generateContent`);
  expect(send(true)).toBe(`${path}:streamGenerateContent?alt=sse`);
  expect(new URL(`https://example.com/v1beta${send(true)}`).pathname.split('/')).toHaveLength(4);
});
