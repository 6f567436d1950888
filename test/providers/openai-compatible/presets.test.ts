import { readFileSync } from 'node:fs';
import { clone, create, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  CompleteRequestSchema,
  ReasoningEffort,
  ReasoningSchema,
  Role,
  ToolChoiceMode,
} from '#gen/antiphon/v1/completion_pb.js';
import { providerKinds } from '../../../src/providers/registry.ts';

/** A request that has something of all that presets differ in. */
const request = create(CompleteRequestSchema, {
  model: 'm',
  messages: [
    { role: Role.DEVELOPER, content: [{ part: { case: 'text', value: 'a' } }] },
    { role: Role.USER, content: [{ part: { case: 'text', value: 'b' } }] },
    {
      role: Role.ASSISTANT,
      content: [
        { part: { case: 'reasoning', value: { text: 'c' } } },
        { part: { case: 'toolCall', value: { id: 'call_1', name: 't', arguments: '{}' } } },
      ],
    },
    {
      role: Role.TOOL,
      content: [
        {
          part: {
            case: 'toolResult',
            value: { toolCallId: 'call_1', content: [{ part: { case: 'text', value: 'd' } }] },
          },
        },
      ],
    },
  ],
  tools: [{ name: 't' }],
  toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.REQUIRED } },
  maxTokens: 5,
  topK: 3,
  seed: 7n,
  stop: ['x'],
  reasoning: { amount: { case: 'effort', value: ReasoningEffort.MEDIUM } },
  responseFormat: { format: { case: 'jsonObject', value: {} } },
  promptCacheKey: 'k',
});

const ids = { callId: 'c', traceId: 't', sessionId: '', sourceAgent: '' };
const bearer = { authorization: 'Bearer sk-test-1' };

function make(kind: string, name = kind) {
  const made = providerKinds.get(kind);
  if (!made) throw new Error(`no ${kind}`);
  const baseUrl = new URL(made.baseUrl ?? 'https://r.openai.azure.com/openai/v1');
  return { made, provider: made.create({ name, baseUrl, headers: { 'x-team': 't' } }) };
}

function sent(kind: string, model: string, asked = request): JsonObject {
  const { provider } = make(kind);
  return provider.dialect(asked, model).toWire(asked, { provider: kind, model }, true).body;
}

/** What every preset sends of the request. */
const COMMON = {
  model: 'm',
  messages: [
    { role: 'system', content: 'a' },
    { role: 'user', content: 'b' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 't', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'd' },
  ],
  tools: expect.any(Array),
  tool_choice: 'required',
  stream: true,
};
const JSON_ASKED = { response_format: { type: 'json_object' } };
const USAGE = { stream_options: { include_usage: true } };
const PLAIN = { ...COMMON, ...JSON_ASKED, ...USAGE, max_tokens: 5, seed: 7, stop: ['x'], reasoning_effort: 'medium' };
const { max_tokens: _, reasoning_effort: __, ...BARE } = PLAIN;

/** The same with other ids of tool calls. */
const withIds = (id: string) =>
  COMMON.messages.map((message) => ({
    ...message,
    ...(message.tool_calls && { tool_calls: message.tool_calls.map((call) => ({ ...call, id })) }),
    ...(message.tool_call_id && { tool_call_id: id }),
  }));
const thinking = COMMON.messages.map((message) => ({
  ...message,
  ...(message.tool_calls && { reasoning_content: 'c' }),
}));
const inWords = COMMON.messages.toSpliced(1, 0, {
  role: 'system',
  content: 'Answer with one JSON object and nothing else.',
});

interface Row {
  readonly address: string | undefined;
  readonly telemetryName: string;
  readonly signed: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

const rows: Readonly<Record<string, Row>> = {
  groq: {
    address: 'https://api.groq.com/openai/v1',
    telemetryName: 'groq',
    signed: bearer,
    body: { ...BARE, max_completion_tokens: 5 },
  },
  mistral: {
    address: 'https://api.mistral.ai/v1',
    telemetryName: 'mistral_ai',
    signed: bearer,
    body: {
      ...COMMON,
      ...JSON_ASKED,
      messages: withIds('call00000'),
      max_tokens: 5,
      random_seed: 7,
      stop: ['x'],
      reasoning_effort: 'medium',
      prompt_cache_key: 'k',
    },
  },
  deepseek: {
    address: 'https://api.deepseek.com',
    telemetryName: 'deepseek',
    signed: bearer,
    body: {
      ...COMMON,
      ...JSON_ASKED,
      ...USAGE,
      messages: thinking,
      max_tokens: 5,
      stop: ['x'],
      reasoning_effort: 'high',
    },
  },
  xai: {
    address: 'https://api.x.ai/v1',
    telemetryName: 'x_ai',
    signed: bearer,
    body: { ...COMMON, ...JSON_ASKED, ...USAGE, messages: thinking, max_completion_tokens: 5, seed: 7 },
  },
  together: {
    address: 'https://api.together.xyz/v1',
    telemetryName: 'together',
    signed: bearer,
    body: { ...BARE, max_tokens: 5, top_k: 3 },
  },
  fireworks: {
    address: 'https://api.fireworks.ai/inference/v1',
    telemetryName: 'fireworks',
    signed: bearer,
    body: { ...PLAIN, top_k: 3, prompt_cache_key: 'k' },
  },
  cerebras: {
    address: 'https://api.cerebras.ai/v1',
    telemetryName: 'cerebras',
    signed: bearer,
    body: { ...BARE, max_completion_tokens: 5 },
  },
  perplexity: {
    address: 'https://api.perplexity.ai',
    telemetryName: 'perplexity',
    signed: bearer,
    body: { ...COMMON, messages: inWords, max_tokens: 5, reasoning_effort: 'medium' },
  },
  huggingface: {
    address: 'https://router.huggingface.co/v1',
    telemetryName: 'huggingface',
    signed: bearer,
    body: PLAIN,
  },
  azure: {
    address: undefined,
    telemetryName: 'azure.ai.openai',
    signed: { 'api-key': 'sk-test-1' },
    body: {
      ...BARE,
      stream_options: { include_usage: true, include_obfuscation: false },
      max_completion_tokens: 5,
      reasoning_effort: 'medium',
      prompt_cache_key: 'k',
    },
  },
  ollama: { address: 'http://127.0.0.1:11434/v1', telemetryName: 'ollama', signed: bearer, body: PLAIN },
  vllm: {
    address: 'http://127.0.0.1:8000/v1',
    telemetryName: 'vllm',
    signed: bearer,
    body: { ...PLAIN, top_k: 3 },
  },
};

describe.each(Object.entries(rows))('%s', (kind, { address, telemetryName, signed, body }) => {
  const { made, provider } = make(kind, 'mine');

  it('has its address, its name and its way to sign', () => {
    expect([made.baseUrl, provider.name, provider.telemetryName]).toEqual([address, 'mine', telemetryName]);
    expect(provider.headers(ids, 'sk-test-1')).toEqual({ ...signed, 'x-team': 't' });
    expect(provider.headers(ids, undefined)).toEqual({ 'x-team': 't' });
  });

  it('sends what it takes', () => {
    expect(sent(kind, 'm')).toEqual(body);
  });

  it('lets the configuration overrule its quirks', () => {
    const compat = {
      maxTokensField: 'max_tokens',
      developerRole: true,
      jsonObject: true,
      reasoningEffort: false,
    } as const;
    const overruled = made.create({ name: kind, baseUrl: provider.baseUrl, headers: {}, compat });
    const wire = overruled.dialect(request, 'm').toWire(request, { provider: kind, model: 'm' }, true).body;
    expect(wire).toMatchObject({ max_tokens: 5, ...JSON_ASKED });
    expect(wire).not.toHaveProperty('reasoning_effort');
    expect(wire).toHaveProperty('messages.0.role', 'developer');
  });
});

describe('models that differ', () => {
  const { NONE, LOW, HIGH, XHIGH } = ReasoningEffort;
  it.each([
    ['groq', 'openai/gpt-oss-120b', XHIGH, 'high'],
    ['groq', 'qwen/qwen3-32b', HIGH, undefined],
    ['groq', 'qwen/qwen3.8-27b', HIGH, 'high'],
    ['groq', 'llama-3.3-70b-versatile', HIGH, undefined],
    ['cerebras', 'gpt-oss-120b', LOW, 'low'],
    ['cerebras', 'llama3.1-8b', LOW, undefined],
    ['xai', 'grok-3-mini-latest', NONE, 'low'],
    ['xai', 'grok-code-fast-1', LOW, undefined],
  ])('%s %s takes %s as %s', (kind, model, value, expected) => {
    const asked = clone(CompleteRequestSchema, request);
    asked.reasoning = create(ReasoningSchema, { amount: { case: 'effort', value } });
    expect(sent(kind, model, asked).reasoning_effort).toBe(expected);
  });
});

describe('the list of models', () => {
  const read = (body: unknown) => make('mistral').provider.listing?.read(body);

  it.each([
    [
      { data: [{ id: 'a' }, { id: 'b', max_context_length: 131_072 }] },
      [{ id: 'a' }, { id: 'b', contextWindowTokens: 131_072 }],
    ],
    [{ data: [{ id: 'a', context_window: 5 }] }, [{ id: 'a', contextWindowTokens: 5 }]],
    [[{ id: 'a', context_length: 6 }], [{ id: 'a', contextWindowTokens: 6 }]],
    [{ data: [{ id: 'a', max_model_len: '6' }, { id: 5 }, null, 'x'] }, [{ id: 'a' }]],
    ['no list', []],
    [undefined, []],
  ])('%j', (body, models) => {
    expect(read(body)).toEqual({ models, next: undefined });
  });

  it('is not asked for where it is of something else', () => {
    expect(['perplexity', 'azure'].map((kind) => make(kind).provider.listing)).toEqual([undefined, undefined]);
  });
});

describe('docs/adding-a-provider.md', () => {
  const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  it.each(['src/providers/openai-compatible/fireworks.ts', 'test/fixtures/fireworks/json-schema/wire.json'])(
    'quotes %s as it is',
    (path) => {
      expect(read('docs/adding-a-provider.md')).toContain(`\n${read(path)}\`\`\`\n`);
    },
  );

  it('shows a provider of less than 60 lines', () => {
    expect(read('src/providers/openai-compatible/fireworks.ts').split('\n').length).toBeLessThan(60);
  });
});
