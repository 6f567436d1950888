import { type DescField, type DescMessage, type JsonObject, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BrokenStreamPolicy,
  type CacheMode,
  type CompleteRequest,
  CompleteRequestSchema,
  type Media,
  type Priority,
  type ReasoningEffort,
  Role,
  ToolChoiceMode,
} from '#gen/antiphon/v1/completion_pb.js';
import type { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { validateCompleteRequest } from '../../../src/services/validate/request.ts';
import {
  anyRequest,
  assistant,
  type PartInit,
  type RequestInit,
  requestOf,
  text,
  toolCall,
  toolResult,
  user,
} from '../../support/requests.ts';

/** What a request is refused with; undefined: it is accepted. */
function refusal(request: CompleteRequest): GatewayError | undefined {
  try {
    validateCompleteRequest(request);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
}

const fieldsOf = (init: RequestInit): string[] =>
  (refusal(requestOf(init))?.facts.violations ?? []).map(({ field }) => field);

/** Three bytes of UTF-8 in one UTF-16 unit. */
const wide = (count: number) => '€'.repeat(count);
const narrow = (count: number) => 'a'.repeat(count);
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** The text of a JSON object of so many levels below it. */
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
/** The text of a JSON Schema of so many bytes. */
const sized = (bytes: number): string => {
  const around = '{"type":"object","title":""}'.length;
  return `{"type":"object","title":"${narrow(bytes - around)}"}`;
};

const named = (name: string, parameters = '') => ({ name, parameters });
const tools = (...names: string[]) => names.map((name) => named(name));
const mode = (value: ToolChoiceMode) => ({ choice: { case: 'mode' as const, value } });
const byName = (value: string) => ({ choice: { case: 'name' as const, value } });
const jsonSchema = (schema: string, name = 'answer') => ({
  format: { case: 'jsonSchema' as const, value: { name, schema } },
});
const effort = (value: ReasoningEffort) => ({ amount: { case: 'effort' as const, value } });
const budget = (value: number) => ({ amount: { case: 'budgetTokens' as const, value } });

type Source = Media['source'];
type MediaCase = 'image' | 'audio' | 'document';

const media = (kind: MediaCase, source: Source, mediaType = '', filename = ''): RequestInit => ({
  messages: [user({ part: { case: kind, value: { source, mediaType, filename } } })],
});
const data: Source = { case: 'data', value: new Uint8Array([1]) };
const url = (value: string): Source => ({ case: 'url', value });
const example = 'https://example.com/';

const turn = (...content: PartInit[]): RequestInit => ({ messages: [assistant(...content)] });
const results = (...content: PartInit[]) => ({ role: Role.TOOL, content });
const afterCall = (...content: PartInit[]): RequestInit => ({
  messages: [assistant(toolCall('c')), results(...content)],
});
const asked: PartInit = { part: { case: 'toolCall', value: { id: 'c', name: 'f' } } };
const picture: PartInit = { part: { case: 'image', value: { source: url(example) } } };
const file: PartInit = { part: { case: 'document', value: { source: url(example) } } };
const sound: PartInit = { part: { case: 'audio', value: { source: data, mediaType: 'audio/wav' } } };
const thought: PartInit = { part: { case: 'reasoning', value: { text: '' } } };
const refused: PartInit = { part: { case: 'refusal', value: 'no' } };

const AT = 'messages[0].content[0]';

/** What is on the right side of each rule of the contract. */
const accepted: readonly (readonly [string, readonly RequestInit[]])[] = [
  ['idempotency_key', ['k', 'k'.repeat(255), 'é\n'].map((idempotencyKey) => ({ idempotencyKey }))],
  ['model', [{ model: '' }, { model: narrow(256) }, { model: wide(85) }]],
  ['messages', [{ messages: times(10_000, () => user(text('a'))) }]],
  ['tier', times(4, (i) => ({ tier: i as ModelTier }))],
  ['complexity', times(4, (i) => ({ complexity: i as TaskComplexity }))],
  ['preferred_providers', [{ preferredProviders: times(16, () => narrow(64)) }, { preferredProviders: [''] }]],
  ['fallback_models', [{ fallbackModels: times(16, () => narrow(256)) }, { fallbackModels: ['a', wide(85)] }]],
  ['temperature', [{ temperature: 0 }, { temperature: 2 }]],
  ['top_p', [{ topP: Number.MIN_VALUE }, { topP: 1 }]],
  ['top_k', [{ topK: 1 }, { topK: 2 ** 32 - 1 }]],
  ['max_tokens', [{ maxTokens: 1 }, { maxTokens: 2 ** 32 - 1 }]],
  ['stop', [{ stop: times(16, () => narrow(256)) }, { stop: ['a', wide(85)] }]],
  ['seed', [{ seed: 0n }, { seed: -(2n ** 63n) }]],
  ['tools', [{ tools: times(128, (i) => named(`t${i}`)) }]],
  ['tools.name', [{ tools: tools(narrow(64), 'Aa0_-') }]],
  ['tools.parameters', [{ tools: [named('f', '{"type":"object"}'), named('g', sized(256 * 1024))] }]],
  ['tools.parameters', [{ tools: [named('f', `{"type":"object","x":${nested(63)}}`)] }]],
  [
    'tool_choice',
    [ToolChoiceMode.AUTO, ToolChoiceMode.NONE, ToolChoiceMode.REQUIRED].map((value) => ({
      tools: tools('f'),
      toolChoice: mode(value),
    })),
  ],
  ['tool_choice', [{ tools: tools('f', 'g'), toolChoice: byName('g') }]],
  ['parallel_tool_calls', [{ tools: tools('f'), parallelToolCalls: false }]],
  [
    'response_format',
    [
      { responseFormat: { format: { case: 'text', value: {} } } },
      { responseFormat: { format: { case: 'jsonObject', value: {} } } },
      { responseFormat: jsonSchema('{}', narrow(64)) },
      { responseFormat: jsonSchema(nested(64)) },
      { responseFormat: jsonSchema(sized(256 * 1024)) },
    ],
  ],
  ['reasoning', times(7, (i) => ({ reasoning: effort(i + 1) }))],
  ['reasoning', [{ reasoning: budget(1) }, { reasoning: budget(2 ** 32 - 1) }]],
  [
    'context',
    [
      { context: { traceId: narrow(128), sourceAgent: ' ~', sessionId: '' } },
      { context: { traceId: '', sourceAgent: narrow(128), sessionId: narrow(128) } },
    ],
  ],
  ['priority', times(4, (i) => ({ priority: i as Priority }))],
  ['on_broken_stream', times(3, (i) => ({ onBrokenStream: i as BrokenStreamPolicy }))],
  ['cache.mode', times(5, (i) => ({ cache: { mode: i as CacheMode } }))],
  ['cache.ttl', [1n, 60n, 86_400n].map((seconds) => ({ cache: { ttl: { seconds } } }))],
  ['request_type', [{ requestType: 'a-z_0.9' }, { requestType: narrow(64) }]],
  [
    'labels',
    [
      { labels: Object.fromEntries(times(16, (i) => [`key_${i}`, narrow(256)])) },
      { labels: { [narrow(64)]: wide(85), 'a-b_c.0': '' } },
    ],
  ],
  ['provider_options', [{ providerOptions: { mock: JSON.parse(nested(7)) } }]],
  ['provider_options', [{ providerOptions: { mock: { list: times(4_093, (i) => i) } } }]],
  ['message.content', [{ messages: [user(...times(1_000, () => text('a')))] }]],
  ['role SYSTEM', [{ messages: [{ role: Role.SYSTEM, content: [text('a')] }] }]],
  ['role DEVELOPER', [{ messages: [{ role: Role.DEVELOPER, content: [text('a')] }] }]],
  ['role USER', [{ messages: [user(text(''), picture, sound, file)] }]],
  ['role ASSISTANT', [turn(text('a'), asked, thought, refused)]],
  ['role TOOL', [afterCall(toolResult('c', text('a'), picture, file)), afterCall(toolResult('c'))]],
  ['media data', [media('image', data, 'image/png', narrow(255)), media('audio', data, 'audio/wav')]],
  ['media type', [media('document', data, `application/pdf; name=${narrow(232)}`)]],
  ['media url', [media('image', url(example + narrow(8_192 - example.length))), media('document', url(example))]],
  ['media url with a type', [media('image', url(example), 'image/webp')]],
  ['tool_call.id', [turn(toolCall(narrow(512)), toolCall('d'))]],
  ['tool_call.id of an earlier turn', [{ messages: [assistant(toolCall('c')), assistant(toolCall('c'))] }]],
  [
    'tool_result of any call before it',
    [{ messages: [assistant(toolCall('c')), user(text('a')), assistant(toolCall('d')), results(toolResult('c'))] }],
  ],
];

/** What breaks a rule of the contract, and the field that must be named for it. */
const invalid: readonly (readonly [string, readonly RequestInit[]])[] = [
  ['model', [{ model: narrow(257) }, { model: wide(86) }]],
  ['messages', [{ messages: [] }, { messages: times(10_001, () => user(text('a'))) }]],
  ['tier', [-1, 4].map((tier) => ({ tier }))],
  ['complexity', [-1, 4].map((complexity) => ({ complexity }))],
  ['preferred_providers', [{ preferredProviders: times(17, () => 'a') }]],
  ['preferred_providers[1]', [narrow(65), wide(22)].map((name) => ({ preferredProviders: ['a', name] }))],
  ['fallback_models', [{ fallbackModels: times(17, () => 'a') }]],
  ['fallback_models[1]', ['', narrow(257), wide(86)].map((model) => ({ fallbackModels: ['a', model] }))],
  ['priority', [-1, 4].map((priority) => ({ priority }))],
  ['on_broken_stream', [-1, 3].map((onBrokenStream) => ({ onBrokenStream }))],
  ['temperature', [-0.001, 2.001, Number.NaN, Number.POSITIVE_INFINITY].map((temperature) => ({ temperature }))],
  ['top_p', [0, -0, -0.5, 1.001, Number.NaN].map((topP) => ({ topP }))],
  ['top_k', [{ topK: 0 }]],
  ['max_tokens', [{ maxTokens: 0 }]],
  ['stop', [{ stop: times(17, () => 'a') }]],
  ['stop[1]', [{ stop: ['a', ''] }, { stop: ['a', narrow(257)] }, { stop: ['a', wide(86)] }]],
  ['tools', [{ tools: times(129, (i) => named(`t${i}`)) }]],
  ['tools[0].name', ['', narrow(65), 'a b', 'é', 'a.b', 'f\n'].map((name) => ({ tools: tools(name) }))],
  ['tools[1].name', [{ tools: tools('f', 'f') }]],
  [
    'tools[0].parameters',
    [
      'nothing',
      '[]',
      '1',
      'null',
      '"object"',
      '{',
      sized(256 * 1024 + 1),
      `{"type":"object","x":"${wide(87_500)}"}`,
    ].map((parameters) => ({ tools: [named('f', parameters)] })),
  ],
  ['tools[0].parameters', [{ tools: [named('f', `{"type":"object","x":${nested(64)}}`)] }]],
  ['tools[0].parameters', ['{}', '{"type":"string"}', '{"type":["object"]}'].map((p) => ({ tools: [named('f', p)] }))],
  ['tool_choice', [{ toolChoice: mode(ToolChoiceMode.AUTO) }, { tools: tools('f'), toolChoice: {} }]],
  ['tool_choice.mode', [0, 4, -1].map((value) => ({ tools: tools('f'), toolChoice: mode(value) }))],
  ['tool_choice.name', ['', 'g', 'F'].map((name) => ({ tools: tools('f'), toolChoice: byName(name) }))],
  ['parallel_tool_calls', [{ parallelToolCalls: true }, { parallelToolCalls: false }]],
  ['response_format', [{ responseFormat: {} }]],
  [
    'response_format.json_schema.name',
    ['', narrow(65), 'a b'].map((name) => ({ responseFormat: jsonSchema('{}', name) })),
  ],
  [
    'response_format.json_schema.schema',
    ['', '[]', '{', nested(65), sized(256 * 1024 + 1)].map((schema) => ({ responseFormat: jsonSchema(schema) })),
  ],
  ['reasoning', [{ reasoning: {} }]],
  ['reasoning.effort', [0, 8, -1].map((value) => ({ reasoning: effort(value) }))],
  ['reasoning.budget_tokens', [{ reasoning: budget(0) }]],
  ['context.trace_id', [narrow(129), 'é', '\n', '\x7f'].map((traceId) => ({ context: { traceId } }))],
  ['context.source_agent', [narrow(129), '\0'].map((sourceAgent) => ({ context: { sourceAgent } }))],
  ['context.session_id', [narrow(129), 'a\r\nb'].map((sessionId) => ({ context: { sessionId } }))],
  ['idempotency_key', ['k'.repeat(256), 'é'.repeat(128)].map((idempotencyKey) => ({ idempotencyKey }))],
  ['cache.mode', [{ cache: { mode: 5 as CacheMode } }, { cache: { mode: -1 as CacheMode } }]],
  [
    'cache.ttl',
    [
      {},
      { seconds: 0n, nanos: 999_999_999 },
      { seconds: -1n },
      { seconds: 86_400n, nanos: 1 },
      { seconds: 2n, nanos: -1 },
      { seconds: 2n, nanos: 1_000_000_000 },
    ].map((ttl) => ({ cache: { ttl } })),
  ],
  ['request_type', [narrow(65), 'Summary', 'a b', 'é', 'a\n'].map((requestType) => ({ requestType }))],
  ['labels', [{ labels: Object.fromEntries(times(17, (i) => [`k${i}`, ''])) }]],
  ['labels', ['', narrow(65), 'Key', 'a b'].map((key) => ({ labels: { [key]: '' } }))],
  ['labels', [{ labels: { a: narrow(257) } }, { labels: { a: wide(86) } }]],
  ['provider_options', [{ providerOptions: { mock: JSON.parse(nested(8)) } }]],
  ['provider_options', [{ providerOptions: { mock: { list: times(4_097, (i) => i) } } }]],
  ['messages[0].role', [0, 6, -1].map((role) => ({ messages: [{ role, content: [text('a')] }] }))],
  ['messages[1].role', [{ messages: [user(text('a')), { content: [text('a')] }] }]],
  ['messages[0].content', [{ messages: [user()] }, { messages: [user(...times(1_001, () => text('a')))] }]],
  [AT, [{ messages: [user({})] }]],
  [`${AT}.image`, [{ messages: [{ role: Role.SYSTEM, content: [picture] }] }, turn(picture)]],
  [`${AT}.audio`, [{ messages: [{ role: Role.DEVELOPER, content: [sound] }] }, turn(sound)]],
  [`${AT}.document`, [{ messages: [{ role: Role.SYSTEM, content: [file] }] }, turn(file)]],
  [`${AT}.tool_call`, [{ messages: [user(asked)] }, { messages: [results(asked)] }]],
  [`${AT}.tool_result`, [{ messages: [user(toolResult('c'))] }, turn(toolResult('c'))]],
  [`${AT}.reasoning`, [{ messages: [user(thought)] }, { messages: [{ role: Role.SYSTEM, content: [thought] }] }]],
  [`${AT}.refusal`, [{ messages: [user(refused)] }, { messages: [results(refused)] }]],
  [`${AT}.text`, [{ messages: [results(text('a'))] }]],
  [`${AT}.image`, [media('image', { case: undefined })]],
  [`${AT}.audio`, [media('audio', { case: undefined })]],
  [`${AT}.image.data`, [media('image', { case: 'data', value: new Uint8Array() }, 'image/png')]],
  [`${AT}.image.media_type`, ['', 'png', 'image/', 'image/png\n', 'a b/c'].map((type) => media('image', data, type))],
  [`${AT}.image.media_type`, [media('image', url(example), 'png')]],
  [
    `${AT}.audio.media_type`,
    [`${narrow(127)}/${narrow(127)}; a`, `audio/wav${' '.repeat(300)};`].map((type) => media('audio', data, type)),
  ],
  [
    `${AT}.image.url`,
    [
      '',
      'example.com/a.png',
      'http://example.com/',
      'ftp://example.com/',
      'data:image/png;base64,AAAA',
      'file:///etc/passwd',
      'https://',
      'https://user:pw@example.com/',
      'https://user@example.com/',
      example + narrow(8_193 - example.length),
    ].map((value) => media('image', url(value))),
  ],
  [`${AT}.audio.url`, [media('audio', url(example))]],
  [
    `${AT}.document.filename`,
    [media('document', data, 'application/pdf', narrow(256)), media('document', url(example), '', wide(86))],
  ],
  [`${AT}.tool_call.id`, [turn(toolCall('')), turn(toolCall(narrow(513))), turn(toolCall(wide(171)))]],
  ['messages[0].content[1].tool_call.id', [turn(toolCall('c'), toolCall('c'))]],
  [`${AT}.tool_call.name`, [turn(toolCall('c', ''))]],
  [`${AT}.tool_result.tool_call_id`, [{ messages: [results(toolResult('c'))] }]],
  [
    `${AT}.tool_result.tool_call_id`,
    [{ messages: [results(toolResult('c')), assistant(toolCall('c'))] }, { messages: [results(toolResult(''))] }],
  ],
  ['messages[1].content[0].tool_result.tool_call_id', [afterCall(toolResult('d'))]],
  ['messages[1].content[0].tool_result.content[1]', [afterCall(toolResult('c', text('a'), {}))]],
  ['messages[1].content[0].tool_result.content[0].audio', [afterCall(toolResult('c', sound))]],
  ['messages[1].content[0].tool_result.content[0].tool_result', [afterCall(toolResult('c', toolResult('c')))]],
  [
    'messages[1].content[0].tool_result.content[0].image.url',
    [afterCall(toolResult('c', { part: { case: 'image', value: { source: url('http://example.com/') } } }))],
  ],
];

const rows = (table: readonly (readonly [string, readonly RequestInit[]])[]): [string, number, RequestInit][] =>
  table.flatMap(([field, inits]) => inits.map((init, i): [string, number, RequestInit] => [field, i, init]));

describe('the rules of CompleteRequest', () => {
  it.each(rows(accepted))('accept %s (%i)', (_, _i, init) => {
    expect(refusal(requestOf(init))).toBeUndefined();
  });

  it.each(rows(invalid))('refuse %s (%i)', (field, _i, init) => {
    expect(fieldsOf(init)).toEqual([field]);
    expect(refusal(requestOf(init))?.kind).toBe('invalid_request');
  });
});

describe('a refusal', () => {
  it('names all fields at fault, in the order of the contract’s parts', () => {
    const init: RequestInit = {
      model: narrow(300),
      messages: [{ content: [] }, user({}, picture)],
      temperature: 9,
      stop: [''],
      tools: tools('a b'),
      requestType: 'A',
    };
    const fields = [
      'model',
      'messages[0].role',
      'messages[1].content[0]',
      'temperature',
      'stop[0]',
      'tools[0].name',
      'request_type',
    ];
    expect(fieldsOf(init)).toEqual(fields);
    expect(refusal(requestOf(init))?.message).toMatch(/^The request is not valid: model .* \(and 6 more\)\.$/);
  });

  it('is bounded, however much is wrong', () => {
    expect(fieldsOf({ messages: times(10_000, () => user({}, {})) }).length).toBeLessThanOrEqual(50);
  });

  it('does not quote what was said', () => {
    const secret = 'my secret name is Rumpelstiltskin';
    const error = refusal(
      requestOf({
        model: secret.repeat(10),
        stop: [secret.repeat(10)],
        tools: [named(secret, secret)],
        requestType: secret,
        labels: { [secret]: secret },
        preferredProviders: [secret.repeat(10)],
        fallbackModels: [secret.repeat(10)],
        messages: [user({ part: { case: 'image', value: { source: url(secret) } } })],
      }),
    );
    expect(JSON.stringify([error?.message, error?.facts.violations])).not.toContain('Rumpel');
  });
});

describe('any request', () => {
  it('is accepted, or refused with fields of the contract; nothing else is thrown', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const error = refusal(request);
        if (!error) return;
        expect(error.kind).toBe('invalid_request');
        const fields = error.facts.violations?.map(({ field }) => field) ?? [];
        expect(fields).not.toEqual([]);
        for (const field of fields) expect(isField(field)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is left as it was', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const before = structuredClone(request);
        refusal(request);
        expect(structuredClone(request)).toEqual(before);
      }),
    );
  });
});

describe('a hostile request', () => {
  it.each([
    ['500,000 levels of arrays', '['.repeat(500_000)],
    ['levels of objects up to the bound on bytes', `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`],
    ['a wide object', `{"type":"object","x":[${'0,'.repeat(120_000)}0]}`],
  ])('with %s as a schema is refused', (_, parameters) => {
    expect(fieldsOf({ tools: [named('f', parameters)] })).toEqual(['tools[0].parameters']);
    expect(fieldsOf({ responseFormat: jsonSchema(parameters) })).toEqual(['response_format.json_schema.schema']);
  });

  it.each([
    ['a wide object', { mock: Object.fromEntries(times(100_000, (i) => [`k${i}`, i])) }],
    ['many providers', Object.fromEntries(times(5_000, (i) => [`p${i}`, {}]))],
    ['500,000 levels', { mock: { a: deep(500_000) } }],
  ])('with %s in its options is refused', (_, providerOptions: Record<string, JsonObject>) => {
    expect(fieldsOf({ providerOptions })).toEqual(['provider_options']);
  });

  it('changes no prototype with keys such as __proto__', () => {
    const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    const schema = '{"type":"object","__proto__":{"polluted":1},"properties":{"__proto__":{"polluted":1}}}';
    const init: RequestInit = { providerOptions: { mock: evil }, tools: [named('f', schema)] };
    expect(fieldsOf(init)).toEqual([]);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect('polluted' in {}).toBe(false);
  });

  it('cannot hide options behind __proto__', () => {
    const options = JSON.parse(`{"__proto__":${nested(20)}}`);
    expect(fieldsOf({ providerOptions: { mock: options } })).toEqual(['provider_options']);
  });

  it('may say anything in its text', () => {
    const said = ['\0', '\ud800', '\u202e', `e${'\u0301'.repeat(500_000)}`, '{"role":"system"}'];
    expect(fieldsOf({ messages: [user(...said.map(text))] })).toEqual([]);
  });

  it('is counted in bytes where lone surrogates are sent as three', () => {
    const request = requestOf({ stop: ['\ud800'.repeat(86)] });
    expect(toBinary(CompleteRequestSchema, request).length).toBeGreaterThan(3 * 86);
    expect(refusal(request)?.facts.violations?.[0]?.field).toBe('stop[0]');
  });
});

function deep(levels: number): JsonObject {
  let value: JsonObject = {};
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

/** Whether a path such as `messages[0].content[1].image.url` leads to a field of the contract. */
function isField(path: string): boolean {
  let message: DescMessage | undefined = CompleteRequestSchema;
  for (const step of path.split('.')) {
    const [, name, index] = /^(\w+)(\[\d+\])?$/.exec(step) ?? [];
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    if (!field || (index !== undefined && field.fieldKind !== 'list')) return false;
    message = field.message;
  }
  return true;
}
