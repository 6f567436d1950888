import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ReasoningEffort } from '#gen/antiphon/v1/completion_pb.js';
import { efforts } from '../../../src/dialects/grammar/efforts.ts';
import type { OpenAiChatQuirks } from '../../../src/dialects/openai-chat/quirks.ts';
import { added, type Init, refusal, warned, wire } from './send.ts';

describe('limits', () => {
  const stops = ['a', 'b', 'c', 'd', 'e'];

  it.each<[string, Init, Partial<OpenAiChatQuirks>, JsonObject, string[]]>([
    ['nothing', {}, {}, {}, []],
    ['zeros are sent', { temperature: 0, seed: 0n }, {}, { temperature: 0, seed: 0 }, []],
    ['max_tokens', { maxTokens: 5 }, {}, { max_tokens: 5 }, []],
    [
      'max_completion_tokens',
      { maxTokens: 5 },
      { maxTokensField: 'max_completion_tokens' },
      { max_completion_tokens: 5 },
      [],
    ],
    ['stop', { stop: ['a\ud800'] }, {}, { stop: ['a\ufffd'] }, []],
    ['too many stops', { stop: stops }, {}, { stop: stops.slice(0, 4) }, ['stop']],
    ['no stops', { stop: stops }, { maxStops: 0 }, {}, ['stop']],
    ['top_k', { topK: 5 }, {}, {}, ['top_k']],
    ['top_k where it is taken', { topK: 5 }, { topK: true }, { top_k: 5 }, []],
    ['a negative seed', { seed: -7n }, {}, { seed: -7 }, []],
    ['a seed too large for JSON', { seed: 2n ** 53n }, {}, {}, ['seed']],
    ['sampling never', { temperature: 1, topP: 0.5 }, { sampling: 'never' }, {}, ['temperature', 'top_p']],
    [
      'sampling without an effort',
      { temperature: 1, topP: 0.5 },
      { sampling: 'effort_none' },
      {},
      ['temperature', 'top_p'],
    ],
    [
      'sampling without reasoning',
      { temperature: 1, topP: 0.5, reasoning: { amount: { case: 'effort', value: ReasoningEffort.NONE } } },
      { sampling: 'effort_none' },
      { temperature: 1, top_p: 0.5, reasoning_effort: 'none' },
      [],
    ],
  ])('%s', (_, init, changed, body, fields) => {
    expect(added(init, changed)).toEqual(body);
    expect(warned(init, changed)).toEqual(fields);
  });

  it('streams with the options that are taken', () => {
    expect(added({}, {}, true)).toEqual({ stream: true, stream_options: { include_usage: true } });
    expect(added({}, { streamUsage: false }, true)).toEqual({ stream: true });
    expect(added({}, { streamUsage: false, obfuscation: true }, true)).toEqual({
      stream: true,
      stream_options: { include_obfuscation: false },
    });
  });

  it('refuses a model that is not offered by this format', () => {
    expect(refusal(() => wire({}, { useInstead: 'use another' }))).toEqual(['model_lacks_ability', undefined]);
  });
});

describe('reasoning', () => {
  const effort = (value: ReasoningEffort): Init => ({ reasoning: { amount: { case: 'effort', value } } });
  const budget = (value: number): Init => ({ reasoning: { amount: { case: 'budgetTokens', value } } });
  const { NONE, MINIMAL, LOW, XHIGH, MAX, HIGH } = ReasoningEffort;

  it.each<[string, Init, OpenAiChatQuirks['efforts'], string | undefined, string[]]>([
    ['as asked', effort(HIGH), efforts, 'high', []],
    ['up to the lowest', effort(NONE), ['low', 'high'], 'low', ['reasoning.effort']],
    ['down to the highest', effort(MAX), ['low', 'high', 'xhigh'], 'xhigh', ['reasoning.effort']],
    ['of two as near, the higher', effort(MINIMAL), ['none', 'low'], 'low', ['reasoning.effort']],
    ['of two as near, whatever their order', effort(MINIMAL), ['low', 'none'], 'low', ['reasoning.effort']],
    ['the nearer', effort(XHIGH), ['low', 'max'], 'max', ['reasoning.effort']],
    ['none is known', effort(LOW), [], undefined, ['reasoning']],
    ['a small budget', budget(1), efforts, 'minimal', ['reasoning.budget_tokens']],
    ['a budget', budget(8_192), efforts, 'medium', ['reasoning.budget_tokens']],
    ['a large budget', budget(1_000_000), efforts, 'max', ['reasoning.budget_tokens']],
    ['a budget, to the nearest known', budget(1), ['high'], 'high', ['reasoning.budget_tokens']],
    ['nothing said', { reasoning: {} }, efforts, undefined, []],
    ['a value that is none', effort(99 as ReasoningEffort), efforts, undefined, []],
  ])('%s', (_, init, known, expected, fields) => {
    expect(added(init, { efforts: known }).reasoning_effort).toBe(expected);
    expect(warned(init, { efforts: known })).toEqual(fields);
  });

  it('gives way to tools where a model takes only one of them', () => {
    const changed = { toolsWithoutReasoning: true };
    const tools: Init = { tools: [{ name: 'f' }] };
    expect(added({ ...tools, ...effort(HIGH) } as Init, changed).reasoning_effort).toBe('none');
    expect(warned({ ...tools, ...effort(NONE) } as Init, changed)).toEqual([]);
    expect(warned(tools, changed)).toEqual(['reasoning']);
    expect(added(effort(HIGH), changed).reasoning_effort).toBe('high');
  });
});

describe('tools and formats', () => {
  it('leaves out the choice where there are no tools', () => {
    expect(added({ toolChoice: { choice: { case: 'mode', value: 1 } }, parallelToolCalls: true })).toEqual({});
  });

  it('leaves out a choice that is none', () => {
    expect(
      added({ tools: [{ name: 'f' }], toolChoice: { choice: { case: 'mode', value: 0 } } }).tool_choice,
    ).toBeUndefined();
  });

  it('keeps the order of a schema, and makes its text whole', () => {
    const parameters = '{"type":"object","properties":{"z":{"description":"\\ud800"},"a":{},"__proto__":{}}}';
    const sentTools = JSON.stringify(added({ tools: [{ name: 'f', parameters }] }).tools);
    expect(sentTools).toContain('{"type":"object","properties":{"z":{"description":"\ufffd"},"a":{}}}');
  });

  it.each(['{', '[]', 'null', `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`])(
    'refuses parameters that are no schema',
    (parameters) => {
      expect(refusal(() => wire({ tools: [{ name: 'ok' }, { name: 'f', parameters }] }))).toEqual([
        'invalid_request',
        ['tools[1].parameters'],
      ]);
      const value = { name: 'n', schema: parameters };
      expect(refusal(() => wire({ responseFormat: { format: { case: 'jsonSchema', value } } }))).toEqual([
        'invalid_request',
        ['response_format.json_schema.schema'],
      ]);
    },
  );

  it.each<[string, Init['responseFormat'], JsonObject]>([
    ['text', { format: { case: 'text', value: {} } }, {}],
    ['json_object', { format: { case: 'jsonObject', value: {} } }, { response_format: { type: 'json_object' } }],
    [
      'a schema without more',
      { format: { case: 'jsonSchema', value: { name: 'n', schema: '{}' } } },
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {} } } },
    ],
  ])('format %s', (_, responseFormat, body) => expect(added({ responseFormat } as Init)).toEqual(body));
});

describe('provider_options', () => {
  const options = (value: JsonObject, provider = 'here'): Init => ({ providerOptions: { [provider]: value } });

  it('are added for the provider called only', () => {
    expect(added(options({ user: 'a\ud800', metadata: { b: [1, null] } }))).toEqual({
      user: 'a\ufffd',
      metadata: { b: [1, null] },
    });
    expect(added(options({ user: 'a' }, 'there'))).toEqual({});
  });

  it.each([
    'model',
    'models',
    'route',
    'fallbacks',
    'preset',
    'parallel_tool_calls',
    'messages',
    'stream',
    'stream_options',
    'n',
    'tools',
    'tool_choice',
    'functions',
    'function_call',
    'response_format',
    'reasoning_effort',
    'max_tokens',
    'max_completion_tokens',
    'temperature',
    'top_p',
    'stop',
    'seed',
  ])('may not set %s', (key) => {
    expect(refusal(() => wire(options({ ok: 1, [key]: 'x' })))).toEqual([
      'invalid_request',
      [`provider_options["here"].${key}`],
    ]);
  });

  it('tell every field at fault', () => {
    expect(refusal(() => wire(options({ n: 2, seed: 1 })))?.[1]).toHaveLength(2);
  });

  it('reach no prototype', () => {
    const body = added(
      options(JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}')),
    );
    expect(Object.keys(body)).toEqual(['constructor']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Reflect.get(body, 'polluted')).toBeUndefined();
  });
});
