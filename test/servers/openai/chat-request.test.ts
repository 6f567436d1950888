import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CacheMode,
  type CompleteRequest,
  CompleteRequestSchema,
  Priority,
  ReasoningEffort,
  Role,
  ToolChoiceMode,
  WarningCode,
} from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { chatRequest } from '../../../src/servers/openai/chat-request.ts';

type Body = Record<string, unknown>;
type Expected = Exclude<MessageInitShape<typeof CompleteRequestSchema>, CompleteRequest>;

const noHeaders = () => undefined;

const hello = { messages: [{ role: 'user', content: 'hello' }] };
const text = (value: string) => ({ part: { case: 'text' as const, value } });
const says = (...content: object[]) => [{ role: Role.USER, content }];
const asked = { messages: says(text('hello')) } as Expected;

const read = (body: Body, headers: Record<string, string> = {}) => chatRequest(body, (name) => headers[name]);

/** The fields at fault, or none. */
function faults(body: Body, headers: Record<string, string> = {}): readonly string[] {
  try {
    read(body, headers);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    expect(thrown.kind).toBe('invalid_request');
    return (thrown.facts.violations ?? []).map(({ field, description }) => `${field} ${description}`);
  }
}

const BYTES = new Uint8Array([1, 2, 3]);
const BASE64 = 'AQID';
const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } };
const ourTool = { name: 'f', parameters: '{"type":"object","properties":{}}' };
const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
const ourCall = { part: { case: 'toolCall' as const, value: { id: 'c1', name: 'f', arguments: '{}' } } };
const image = (url: string) => ({ type: 'image_url', image_url: { url } });

describe('a chat request', () => {
  it.each<[string, Body, Expected]>([
    ['a plain one', {}, {}],
    ['a model', { model: 'openai/gpt-5' }, { model: 'openai/gpt-5' }],
    [
      'nulls, which say nothing',
      { model: null, temperature: null, stop: null, tools: null, tool_choice: null, n: null, antiphon: null },
      {},
    ],
    [
      'sampling',
      { temperature: 0.5, top_p: 0.9, top_k: 4, max_tokens: 5, seed: -3, stop: ['a', 'b'] },
      { temperature: 0.5, topP: 0.9, topK: 4, maxTokens: 5, seed: -3n, stop: ['a', 'b'] },
    ],
    ['one text to stop at', { stop: 'END' }, { stop: ['END'] }],
    ['the present name of the limit before the former', { max_tokens: 5, max_completion_tokens: 7 }, { maxTokens: 7 }],
    [
      'a system message',
      { messages: [{ role: 'system', content: 's' }] },
      { messages: [{ role: Role.SYSTEM, content: [text('s')] }] },
    ],
    [
      'a developer message',
      { messages: [{ role: 'developer', content: [{ type: 'text', text: 'd' }] }] },
      { messages: [{ role: Role.DEVELOPER, content: [text('d')] }] },
    ],
    [
      'a picture by data',
      { messages: [{ role: 'user', content: [image(`data:image/png;base64,${BASE64}`)] }] },
      {
        messages: says({
          part: { case: 'image', value: { source: { case: 'data', value: BYTES }, mediaType: 'image/png' } },
        }) as never,
      },
    ],
    [
      'a picture by address',
      { messages: [{ role: 'user', content: [image('https://example.com/a.png')] }] },
      {
        messages: says({
          part: { case: 'image', value: { source: { case: 'url', value: 'https://example.com/a.png' } } },
        }) as never,
      },
    ],
    [
      'sound',
      {
        messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: BASE64, format: 'mp3' } }] }],
      },
      {
        messages: says({
          part: { case: 'audio', value: { source: { case: 'data', value: BYTES }, mediaType: 'audio/mpeg' } },
        }) as never,
      },
    ],
    [
      'a file',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${BASE64}` } },
            ],
          },
        ],
      },
      {
        messages: says({
          part: {
            case: 'document',
            value: { source: { case: 'data', value: BYTES }, mediaType: 'application/pdf', filename: 'a.pdf' },
          },
        }) as never,
      },
    ],
    [
      'a call and its result',
      {
        messages: [
          ...hello.messages,
          { role: 'assistant', content: '', tool_calls: [call] },
          { role: 'tool', tool_call_id: 'c1', content: '42' },
        ],
      },
      {
        messages: [
          ...says(text('hello')),
          { role: Role.ASSISTANT, content: [ourCall] },
          {
            role: Role.TOOL,
            content: [{ part: { case: 'toolResult', value: { toolCallId: 'c1', content: [text('42')] } } }],
          },
        ] as never,
      },
    ],
    [
      'an answer with words beside a call',
      { messages: [{ role: 'assistant', content: 'Wait.', tool_calls: [call] }] },
      { messages: [{ role: Role.ASSISTANT, content: [text('Wait.'), ourCall] }] as never },
    ],
    [
      'an answer without words',
      { messages: [{ role: 'assistant', content: null }] },
      { messages: [{ role: Role.ASSISTANT, content: [text('')] }] as never },
    ],
    [
      'a refusal',
      { messages: [{ role: 'assistant', refusal: 'No.' }] },
      { messages: [{ role: Role.ASSISTANT, content: [{ part: { case: 'refusal', value: 'No.' } }] }] as never },
    ],
    [
      'what was thought',
      { messages: [{ role: 'assistant', content: 'a', reasoning_content: 'why' }] },
      {
        messages: [
          { role: Role.ASSISTANT, content: [{ part: { case: 'reasoning', value: { text: 'why' } } }, text('a')] },
        ] as never,
      },
    ],
    [
      'tools',
      { tools: [tool], tool_choice: 'required', parallel_tool_calls: false },
      {
        tools: [ourTool],
        toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.REQUIRED } },
        parallelToolCalls: false,
      },
    ],
    [
      'one tool that must be called',
      { tools: [tool], tool_choice: { type: 'function', function: { name: 'f' } } },
      { tools: [ourTool], toolChoice: { choice: { case: 'name', value: 'f' } } },
    ],
    [
      'former functions',
      { functions: [tool.function], function_call: { name: 'f' } },
      { tools: [ourTool], toolChoice: { choice: { case: 'name', value: 'f' } } },
    ],
    ['choices without tools', { tool_choice: 'auto', parallel_tool_calls: true }, {}],
    [
      'an object',
      { response_format: { type: 'json_object' } },
      { responseFormat: { format: { case: 'jsonObject', value: {} } } },
    ],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'n', strict: true, schema: { b: 1, a: 2 } } } },
      {
        responseFormat: { format: { case: 'jsonSchema', value: { name: 'n', strict: true, schema: '{"b":1,"a":2}' } } },
      },
    ],
    [
      'an effort',
      { reasoning_effort: 'xhigh' },
      { reasoning: { amount: { case: 'effort', value: ReasoningEffort.XHIGH } } },
    ],
    [
      'an effort by another name',
      { reasoning: { effort: 'low' } },
      { reasoning: { amount: { case: 'effort', value: ReasoningEffort.LOW } } },
    ],
    ['a budget', { reasoning: { max_tokens: 9 } }, { reasoning: { amount: { case: 'budgetTokens', value: 9 } } }],
    ['a key of a prompt cache', { prompt_cache_key: 'k' }, { promptCacheKey: 'k' }],
    [
      'what nobody here knows',
      { store: true, metadata: { a: 'b' }, user: 'u', service_tier: 'auto', invented: [] },
      {},
    ],
  ])('is read: %s', (_, body, expected) => {
    expect(read({ ...hello, ...body }).request).toEqual(create(CompleteRequestSchema, { ...asked, ...expected }));
  });

  it('ties the former function messages to their calls', () => {
    const { messages } = read({
      messages: [
        { role: 'assistant', function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: '1' },
        { role: 'assistant', function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: '2' },
      ],
    }).request;
    const ids = messages.map(({ content: [part] }) =>
      part?.part.case === 'toolCall'
        ? part.part.value.id
        : part?.part.case === 'toolResult' && part.part.value.toolCallId,
    );
    expect(ids).toEqual([ids[0], ids[0], ids[2], ids[2]]);
    expect(new Set(ids).size).toBe(2);
  });

  it.each<[Body, boolean, boolean]>([
    [{}, false, false],
    [{ stream: false, stream_options: null }, false, false],
    [{ stream: true }, true, false],
    [{ stream: true, stream_options: { include_usage: true } }, true, true],
  ])('says how the answer is to come: %j', (body, isStream, includesUsage) => {
    expect(read({ ...hello, ...body })).toMatchObject({ isStream, includesUsage });
  });

  it.each<[Body, string[]]>([
    [{ frequency_penalty: 1, logit_bias: { 5: 1 }, logprobs: true }, ['frequency_penalty', 'logit_bias', 'logprobs']],
    [{ frequency_penalty: 0, logprobs: false, modalities: ['text'], prediction: null }, []],
    [{ modalities: ['text', 'audio'] }, ['modalities']],
  ])('warns of what has no effect: %j', (body, names) => {
    const { warnings } = read({ ...hello, ...body });
    expect(warnings.map(({ code, field }) => [code, field])).toEqual(names.map((name) => [WarningCode.DROPPED, name]));
  });
});

describe('what the contract has besides', () => {
  const ours = {
    tier: 'fast',
    complexity: 'complex',
    priority: 'low',
    cache: 'bypass',
    request_type: 'chat',
    preferred_providers: ['a', 'b'],
    fallback_models: ['c/d'],
    labels: { team: 'x' },
    provider_options: { openai: { verbosity: 'low' } },
  };
  const expected: Expected = {
    ...asked,
    tier: ModelTier.FAST,
    complexity: TaskComplexity.COMPLEX,
    priority: Priority.LOW,
    cache: { mode: CacheMode.BYPASS },
    requestType: 'chat',
    preferredProviders: ['a', 'b'],
    fallbackModels: ['c/d'],
  };

  it('is said in the body', () => {
    const { labels, provider_options: providerOptions } = ours;
    expect(read({ ...hello, antiphon: ours }).request).toEqual(
      create(CompleteRequestSchema, { ...expected, labels, providerOptions } as Expected),
    );
  });

  const headers = {
    'x-antiphon-tier': 'fast',
    'x-antiphon-complexity': ' complex ',
    'x-antiphon-priority': 'low',
    'x-antiphon-cache': 'bypass',
    'x-antiphon-request-type': 'chat',
    'x-antiphon-preferred-providers': 'a, b',
    'x-antiphon-fallback-models': 'c/d',
  };

  it('or in headers', () => {
    expect(read(hello, headers).request).toEqual(create(CompleteRequestSchema, expected));
  });

  it('and the body wins', () => {
    const { tier, priority } = read({ ...hello, antiphon: { tier: 'premium' } }, headers).request;
    expect([tier, priority]).toEqual([ModelTier.PREMIUM, Priority.LOW]);
  });

  it('and the key of a repeated call in the usual header, too; the gateway’s own wins', () => {
    const ways: [Body, Record<string, string>][] = [
      [{}, { 'idempotency-key': ' k-1 ' }],
      [{}, { 'idempotency-key': 'other', 'x-antiphon-idempotency-key': 'k-1' }],
      [{ idempotency_key: 'k-1' }, { 'idempotency-key': 'other', 'x-antiphon-idempotency-key': 'another' }],
    ];
    for (const [antiphon, given] of ways)
      expect(read({ ...hello, antiphon }, given).request.idempotencyKey).toBe('k-1');
    expect(read(hello, {}).request.idempotencyKey).toBe('');
  });

  it.each<[Body, Record<string, string>, string]>([
    [{ tier: 'cheap' }, {}, 'antiphon.tier must be one of fast, balanced, premium'],
    [{}, { 'x-antiphon-tier': 'cheap' }, 'x-antiphon-tier must be one of fast, balanced, premium'],
    [{ speed: 1 }, {}, 'antiphon.speed is not known here'],
    [{ labels: { a: 1 } }, {}, 'antiphon.labels.a must be a string'],
    [{ provider_options: { openai: 1 } }, {}, 'antiphon.provider_options.openai must be an object'],
  ])('is refused where it says nothing: %j %j', (antiphon, given, fault) => {
    expect(faults({ ...hello, antiphon }, given)).toEqual([fault]);
  });

  it('takes no prototype for a key', () => {
    const antiphon = JSON.parse('{"labels":{"__proto__":"x"},"provider_options":{"__proto__":{"a":1}}}');
    const { labels, providerOptions } = read({ ...hello, antiphon }).request;
    expect([Object.keys(labels), Object.keys(providerOptions), 'a' in providerOptions]).toEqual([[], [], false]);
  });
});

describe('what is no chat request', () => {
  const user = (content: unknown) => ({ messages: [{ role: 'user', content }] });
  it.each<[Body, string[]]>([
    [{ messages: undefined }, ['messages is missing']],
    [{ messages: 'hi' }, ['messages must be a list']],
    [{ messages: ['hi'] }, ['messages[0] must be an object']],
    [{ messages: [{ content: 'x' }] }, ['messages[0].role is missing']],
    [
      { messages: [{ role: 'robot', content: 'x' }] },
      ['messages[0].role must be one of system, developer, user, assistant, tool, function'],
    ],
    [user(undefined), ['messages[0].content is missing']],
    [user(5), ['messages[0].content must be a list']],
    [
      user([{ type: 'video' }]),
      ['messages[0].content[0].type must be one of text, refusal, image_url, input_audio, file'],
    ],
    [user([{ type: 'text' }]), ['messages[0].content[0].text is missing']],
    [user([{ type: 'image_url' }]), ['messages[0].content[0].image_url.url is missing']],
    [
      user([image('data:text')]),
      ['messages[0].content[0].image_url.url must be an https URL, or a data URL with a media type and base64'],
    ],
    [user([image('data:image/png;base64,***')]), ['messages[0].content[0].image_url.url must be base64']],
    [
      user([{ type: 'file', file: { file_id: 'file-1' } }]),
      ['messages[0].content[0].file.file_id is not possible here: files are not kept; send file_data'],
    ],
    [{ messages: [{ role: 'tool', content: 'x' }] }, ['messages[0].tool_call_id is missing']],
    [{ model: 5 }, ['model must be a string']],
    [{ temperature: '1' }, ['temperature must be a number']],
    [{ max_tokens: 1.5 }, ['max_tokens must be a whole number from 0']],
    [{ seed: 0.5 }, ['seed must be a whole number']],
    [{ stream: 'yes' }, ['stream must be true or false']],
    [{ stop: [1] }, ['stop[0] must be a string']],
    [{ n: 2 }, ['n must be 1: the gateway gives one answer to a request; send several requests']],
    [{ tools: [{ type: 'web_search' }] }, ['tools[0].type must be function: the gateway has no tools of its own']],
    [{ tools: [{ type: 'function' }] }, ['tools[0].function is missing']],
    [{ tools: [{ type: 'function', function: {} }] }, ['tools[0].function.name is missing']],
    [{ tools: [tool], tool_choice: 'maybe' }, ['tool_choice must be one of auto, none, required']],
    [{ tools: [tool], tool_choice: { type: 'allowed_tools' } }, ['tool_choice.type must be function']],
    [{ response_format: {} }, ['response_format.type is missing']],
    [{ response_format: { type: 'xml' } }, ['response_format.type must be one of text, json_object, json_schema']],
    [{ reasoning_effort: 'huge' }, ['reasoning_effort must be one of none, minimal, low, medium, high, xhigh, max']],
    [
      { temperature: 'a', top_p: 'b', antiphon: 5 },
      ['temperature must be a number', 'top_p must be a number', 'antiphon must be an object'],
    ],
  ])('is told field by field: %j', (body, expected) => {
    expect(faults({ ...hello, ...body }).toSorted()).toEqual(expected.toSorted());
  });

  it('is told of a schema that cannot be written down', () => {
    const toJSON = () => {
      throw new RangeError('too deep');
    };
    const tools = [{ type: 'function', function: { name: 'f', parameters: { toJSON } } }];
    expect(faults({ ...hello, tools })).toEqual(['tools[0].function.parameters must be at most 64 levels deep']);
  });

  it('is never anything but told, whatever it is', () => {
    const keys = ['model', 'messages', 'tools', 'tool_choice', 'response_format', 'antiphon', 'reasoning', 'stop', 'n'];
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), json), json, (body, message) => {
        faults(body as Body);
        faults({ ...body, messages: [message, { role: 'user', content: [message] }] } as Body);
      }),
      { numRuns: 500 },
    );
  });
});

it('the request is a message of its own each time', () => {
  const { request } = read(hello);
  expect(clone(CompleteRequestSchema, request)).toEqual(request);
  expect(chatRequest(hello, noHeaders).request).not.toBe(request);
});
