import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, ReasoningEffort, Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { efforts, type OpenAiChatQuirks } from '../../../src/dialects/openai-chat/quirks.ts';
import { toWire } from '../../../src/dialects/openai-chat/request.ts';

type Init = MessageInitShape<typeof CompleteRequestSchema>;
type Parts = NonNullable<NonNullable<Init['messages']>[number]['content']>;

const quirks: OpenAiChatQuirks = {
  useInstead: undefined,
  maxTokensField: 'max_tokens',
  instructions: 'system',
  streamUsage: true,
  obfuscation: false,
  jsonSchema: true,
  efforts,
  sampling: 'always',
  toolsWithoutReasoning: false,
  maxStops: 4,
  topK: false,
  maxToolCallId: 40,
  replayReasoning: false,
  replayReasoningDetails: false,
};

const target = { provider: 'here', model: 'm' };
const hello: Init = { messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'Hello' } }] }] };

const wire = (init: Init, changed: Partial<OpenAiChatQuirks> = {}, stream = false) =>
  toWire(create(CompleteRequestSchema, { ...hello, ...init } as Init), target, stream, { ...quirks, ...changed });

/** What the request adds to the plainest body. */
function added(init: Init, changed: Partial<OpenAiChatQuirks> = {}, stream = false): JsonObject {
  const { model: _, messages: __, ...rest } = wire(init, changed, stream).body;
  return rest;
}

const warned = (init: Init, changed: Partial<OpenAiChatQuirks> = {}): string[] =>
  wire(init, changed).warnings.map(({ field }) => field);

const sent = (role: Role, content: Parts, changed: Partial<OpenAiChatQuirks> = {}) =>
  wire({ messages: [{ role, content }] }, changed).body.messages;

const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return [thrown.kind, thrown.facts.violations?.map(({ field }) => field)];
  }
  return undefined;
};

const text = (value: string): Parts[number] => ({ part: { case: 'text', value } });

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

describe('messages', () => {
  const media = (kind: 'image' | 'audio' | 'document', value: object): Parts => [
    { part: { case: kind, value } } as Parts[number],
  ];
  const data = { case: 'data', value: new Uint8Array([1, 2]) } as const;
  const url = { case: 'url', value: 'https://example.com/x' } as const;

  it.each<[string, Role, OpenAiChatQuirks['instructions'], string]>([
    ['system', Role.SYSTEM, 'system', 'system'],
    ['system', Role.SYSTEM, 'developer', 'developer'],
    ['system', Role.SYSTEM, 'as_given', 'system'],
    ['developer', Role.DEVELOPER, 'system', 'system'],
    ['developer', Role.DEVELOPER, 'developer', 'developer'],
    ['developer', Role.DEVELOPER, 'as_given', 'developer'],
  ])('%s %s where %s is wanted', (_, role, instructions, expected) => {
    expect(sent(role, [text('a')], { instructions })).toEqual([{ role: expected, content: 'a' }]);
  });

  it('sends one text as a string, several as a list', () => {
    expect(sent(Role.USER, [text('a\udc00')])).toEqual([{ role: 'user', content: 'a\ufffd' }]);
    expect(sent(Role.SYSTEM, [text('a'), text('b')])).toEqual([
      {
        role: 'system',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  it.each<[string, Parts, string, string]>([
    ['sound of another kind', media('audio', { source: data, mediaType: 'audio/ogg' }), 'model_lacks_ability', 'audio'],
    ['sound by URL', media('audio', { source: url, mediaType: 'audio/wav' }), 'model_lacks_ability', 'audio'],
    ['a document by URL', media('document', { source: url }), 'model_lacks_ability', 'document'],
    ['an image from nowhere', media('image', {}), 'invalid_request', 'image'],
  ])('refuses %s', (_, content, kind, field) => {
    expect(refusal(() => sent(Role.USER, content))).toEqual([kind, [`messages[0].content[0].${field}`]]);
  });

  it('reads media types as they are written', () => {
    const content = media('audio', { source: data, mediaType: 'Audio/WAV; codecs=1' });
    expect(sent(Role.USER, content)).toEqual([
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AQI=', format: 'wav' } }] },
    ]);
    expect(JSON.stringify(sent(Role.USER, media('document', { source: data, mediaType: 'text/plain' })))).toContain(
      '"file_data":"data:text/plain;base64,AQI=","filename":"document"',
    );
  });

  it.each<[string, Role, Parts]>([
    ['a tool call of the user', Role.USER, [{ part: { case: 'toolCall', value: { id: 'a', name: 'f' } } }]],
    ['a picture in instructions', Role.SYSTEM, media('image', { source: url })],
    ['a picture of the model', Role.ASSISTANT, media('image', { source: url })],
    ['text as a tool', Role.TOOL, [text('a')]],
    ['a part that is nothing', Role.USER, [{}]],
  ])('refuses %s', (_, role, content) => {
    expect(refusal(() => sent(role, content))).toEqual(['invalid_request', ['messages[0].content[0]']]);
  });

  it('refuses a role that is none', () => {
    expect(refusal(() => sent(Role.UNSPECIFIED, [text('a')]))).toEqual(['invalid_request', ['messages[0].role']]);
  });

  it('every long id of a tool call is replaced the same way for call and result', () => {
    const ids = fc.uniqueArray(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }), {
      minLength: 1,
      maxLength: 6,
    });
    const property = fc.property(ids, (calls) => {
      const messages: Init['messages'] = [
        {
          role: Role.ASSISTANT,
          content: calls.map((id) => ({ part: { case: 'toolCall', value: { id, name: 'f' } } }) as const),
        },
        {
          role: Role.TOOL,
          content: calls.map((toolCallId) => ({ part: { case: 'toolResult', value: { toolCallId } } }) as const),
        },
      ];
      const [answer, ...results] = wire({ messages }).body.messages as {
        tool_calls: { id: string }[];
        tool_call_id: string;
      }[];
      const wireIds = answer?.tool_calls.map(({ id }) => id) ?? [];
      expect(results.map((result) => result.tool_call_id)).toEqual(wireIds);
      expect(new Set(wireIds).size).toBe(calls.length);
      for (const id of wireIds) expect(id.length).toBeLessThanOrEqual(40);
    });
    fc.assert(property);
  });
});

describe('earlier reasoning', () => {
  const sealed = (provider: string, state: unknown) => ({
    providerState: {
      provider,
      model: 'm',
      data: Buffer.from(typeof state === 'string' ? state : JSON.stringify(state)),
    },
  });
  const thought = (value: string, state = {}): Parts => [
    { part: { case: 'reasoning', value: { text: value } }, ...state },
    text('So.'),
  ];
  const details = {
    reasoning_details: [{ type: 'reasoning.text', signature: 'abc' }, { type: 'reasoning.encrypted', data: 'xyz' }, 7],
  };

  it.each<[string, Parts, Partial<OpenAiChatQuirks>, object, string[]]>([
    ['is dropped', thought('Hm.'), {}, {}, ['messages[0].content[0]']],
    ['goes back as text', thought('Hm.'), { replayReasoning: true }, { reasoning_content: 'Hm.' }, []],
    [
      'of another provider is dropped',
      thought('Hm.', sealed('there', details)),
      { replayReasoning: true, replayReasoningDetails: true },
      {},
      ['messages[0].content[0]'],
    ],
    [
      'goes back as details, signed text included',
      thought('Hm.', sealed('here', details)),
      { replayReasoning: true, replayReasoningDetails: true },
      {
        reasoning_details: [
          { type: 'reasoning.text', signature: 'abc', text: 'Hm.' },
          { type: 'reasoning.encrypted', data: 'xyz' },
        ],
      },
      [],
    ],
    [
      'goes back as text where details are not taken',
      thought('Hm.', sealed('here', details)),
      { replayReasoning: true },
      { reasoning_content: 'Hm.' },
      [],
    ],
    [
      'with a state that was tampered with',
      thought('Hm.', sealed('here', 'not JSON')),
      { replayReasoningDetails: true },
      {},
      ['messages[0].content[0]'],
    ],
  ])('%s', (_, content, changed, extra, fields) => {
    expect(sent(Role.ASSISTANT, content, changed)).toEqual([{ role: 'assistant', content: 'So.', ...extra }]);
    expect(warned({ messages: [{ role: Role.ASSISTANT, content }] }, changed)).toEqual(fields);
  });

  it('alone is a message of its own only where it goes back', () => {
    const alone = thought('Hm.').slice(0, 1);
    expect(sent(Role.ASSISTANT, alone)).toEqual([]);
    expect(sent(Role.ASSISTANT, alone, { replayReasoning: true })).toEqual([
      { role: 'assistant', content: '', reasoning_content: 'Hm.' },
    ]);
  });

  it('is told of once, however often it is dropped', () => {
    const messages: Init['messages'] = [1, 2, 3].map(() => ({ role: Role.ASSISTANT, content: thought('Hm.') }));
    expect(warned({ messages })).toEqual(['messages[0].content[0]']);
  });

  it('a state that is of no use is told of', () => {
    const content: Parts = [{ part: { case: 'text', value: 'So.' }, ...sealed('here', {}) }];
    expect(warned({ messages: [{ role: Role.ASSISTANT, content }] })).toEqual([
      'messages[0].content[0].provider_state',
    ]);
  });
});
