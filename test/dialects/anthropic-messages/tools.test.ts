import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { added, type Init, type Quirks, refusal, warned, wire } from './send.ts';

const { AUTO, NONE, REQUIRED } = ToolChoiceMode;
const f = { name: 'f' };
const mode = (value: ToolChoiceMode): Init => ({ tools: [f], toolChoice: { choice: { case: 'mode', value } } });
const name: Init = { tools: [f], toolChoice: { choice: { case: 'name', value: 'f' } } };
const single: Init = { parallelToolCalls: false };
const budget: Init = { reasoning: { amount: { case: 'budgetTokens', value: 2_000 } } };
const one = { disable_parallel_tool_use: true };

describe('the choice of tools', () => {
  it.each<[string, Init, Quirks, JsonObject | undefined, string[]]>([
    ['none is said', { tools: [f] }, {}, undefined, []],
    ['several at once', { tools: [f], parallelToolCalls: true }, {}, undefined, []],
    ['one at a time', { tools: [f], ...single } as Init, {}, { type: 'auto', ...one }, []],
    ['auto', mode(AUTO), {}, { type: 'auto' }, []],
    ['none', { ...mode(NONE), ...single } as Init, {}, { type: 'none' }, []],
    ['required', mode(REQUIRED), {}, { type: 'any' }, []],
    ['one is required', { ...mode(REQUIRED), ...single } as Init, {}, { type: 'any', ...one }, []],
    ['this one', { ...name, ...single } as Init, {}, { type: 'tool', name: 'f', ...one }, []],
    [
      'required of a model that cannot be forced',
      mode(REQUIRED),
      { forcedTools: false },
      { type: 'auto' },
      ['tool_choice'],
    ],
    [
      'this one, of such a model',
      { ...name, ...single } as Init,
      { forcedTools: false },
      { type: 'auto', ...one },
      ['tool_choice'],
    ],
    ['this one, with a budget', { ...name, ...budget } as Init, {}, { type: 'auto' }, ['tool_choice']],
    ['a mode that is none', mode(ToolChoiceMode.UNSPECIFIED), {}, undefined, []],
    ['no tools', { toolChoice: { choice: { case: 'mode', value: AUTO } }, ...single } as Init, {}, undefined, []],
  ])('%s', (_, init, changed, choice, fields) => {
    expect(added(init, changed).tool_choice).toEqual(choice);
    expect(warned(init, changed)).toEqual(fields);
  });
});

describe('a tool', () => {
  const tool = (parameters: string, strict?: boolean) => ({
    ...f,
    parameters,
    ...(strict === undefined ? {} : { strict }),
  });
  const closed = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}';
  const sent = (init: Init, changed: Quirks = {}) => wire(init, changed).body.tools;

  it.each<[string, ReturnType<typeof tool>, JsonObject, string[]]>([
    ['without parameters', tool(''), { input_schema: { type: 'object', properties: {} } }, []],
    ['without a type', tool('{"properties":{}}'), { input_schema: { type: 'object', properties: {} } }, []],
    ['as it is', tool(closed, false), { input_schema: JSON.parse(closed) }, []],
    ['strict', tool(closed, true), { input_schema: JSON.parse(closed), strict: true }, []],
    [
      'strict, without parameters',
      tool('', true),
      { input_schema: { type: 'object', properties: {}, additionalProperties: false }, strict: true },
      [],
    ],
    [
      'that has to be closed',
      tool('{"type":"object","properties":{"a":{"type":"string","maxLength":2}}}', true),
      {
        input_schema: {
          type: 'object',
          properties: { a: { type: 'string', description: '(maxLength: 2)' } },
          additionalProperties: false,
        },
        strict: true,
      },
      ['tools[0].parameters', 'tools[0].parameters'],
    ],
    [
      'that cannot be closed',
      tool('{"type":"object"}', true),
      { input_schema: { type: 'object' } },
      ['tools[0].strict'],
    ],
  ])('%s', (_, given, expected, fields) => {
    expect(sent({ tools: [given] })).toEqual([{ name: 'f', ...expected }]);
    expect(warned({ tools: [given] })).toEqual(fields);
  });

  it('keeps the order of a schema, and makes its text whole', () => {
    const parameters = '{"type":"object","properties":{"z":{"description":"\\ud800"},"a":{},"__proto__":{}}}';
    expect(JSON.stringify(sent({ tools: [{ name: 'f', parameters, description: '\ud800' }] }))).toBe(
      '[{"name":"f","description":"\ufffd","input_schema":{"type":"object","properties":{"z":{"description":"\ufffd"},"a":{}}}}]',
    );
  });

  it('is not strict for an older model', () => {
    expect(JSON.stringify(sent({ tools: [tool(closed, true)] }, { jsonSchema: false }))).not.toContain('strict');
    expect(warned({ tools: [tool(closed, true)] }, { jsonSchema: false })).toEqual(['tools[0].strict']);
  });

  it.each(['{', '[]', 'null'])('refuses %s as parameters', (parameters) => {
    expect(refusal(() => wire({ tools: [f, { name: 'g', parameters }] }))).toEqual([
      'invalid_request',
      ['tools[1].parameters'],
    ]);
  });

  it('is one of twenty strict ones at most', () => {
    const tools = Array.from({ length: 22 }, (_, i) => ({ ...tool(closed, true), name: `f${i}` }));
    const strict = (sent({ tools }) as JsonObject[]).map((one) => one.strict);
    expect(strict).toEqual([...Array(20).fill(true), undefined, undefined]);
    expect(warned({ tools })).toEqual(['tools[20].strict']);
  });

  it('has part in sixteen loose parameters of strict ones', () => {
    const properties = (count: number, rule: string) =>
      Array.from({ length: count }, (_, i) => `"p${i}":${rule}`).join();
    const loose = (count: number) => `{"type":"object","properties":{${properties(count, '{"type":"string"}')}}}`;
    const union = '{"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"]}';
    const tools = [loose(10), loose(7), loose(5), union, union, closed].map((text, i) => ({
      ...tool(text, true),
      name: `f${i}`,
    }));
    const strict = (sent({ tools }) as JsonObject[]).map((one) => one.strict ?? false);
    expect(strict).toEqual([true, false, true, true, false, true]);
  });
});
