import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, ReasoningEffort, Role } from '#gen/antiphon/v1/completion_pb.js';
import { openaiCompatible } from '../../src/providers/openai-compatible.ts';
import type { CompatFlags } from '../../src/providers/provider.ts';

const flags: CompatFlags = {
  maxTokensField: 'max_tokens',
  developerRole: false,
  streamUsage: false,
  jsonSchema: false,
  jsonObject: true,
  reasoningEffort: false,
  replayReasoning: false,
};

const ids = { callId: 'c', traceId: 't', sessionId: '', sourceAgent: '' };

/** What asks for the schema where the server takes none. */
const WORDS = { role: 'system', content: expect.stringContaining('JSON Schema') };

const make = (name: string, compat: Partial<CompatFlags> = {}) =>
  openaiCompatible.create({
    name,
    baseUrl: new URL('https://llm.example.com/v1'),
    headers: { 'x-team': 't' },
    compat: { ...flags, ...compat },
  });

it.each([
  ['groq', 'groq'],
  ['deepseek', 'deepseek'],
  ['perplexity', 'perplexity'],
  ['azure_openai', 'azure.ai.openai'],
  ['our-vllm', 'our-vllm'],
])('%s is called %s in telemetry', (name, telemetryName) => {
  const provider = make(name);
  expect([provider.name, provider.telemetryName]).toEqual([name, telemetryName]);
});

it('signs with a key only', () => {
  expect(make('x').headers(ids, 'key')).toEqual({ authorization: 'Bearer key', 'x-team': 't' });
  expect(make('x').headers(ids, undefined)).toEqual({ 'x-team': 't' });
});

describe('each flag changes what is sent', () => {
  const request = create(CompleteRequestSchema, {
    model: 'm',
    messages: [
      { role: Role.DEVELOPER, content: [{ part: { case: 'text', value: 'a' } }] },
      {
        role: Role.ASSISTANT,
        content: [{ part: { case: 'reasoning', value: { text: 'b' } } }, { part: { case: 'text', value: 'c' } }],
      },
    ],
    maxTokens: 5,
    reasoning: { amount: { case: 'effort', value: ReasoningEffort.MINIMAL } },
    responseFormat: { format: { case: 'jsonSchema', value: { name: 'n', schema: '{}' } } },
  });
  const wired = (compat: Partial<CompatFlags>) =>
    make('x', compat).dialect(request, 'm').toWire(request, { provider: 'x', model: 'm' }, true);
  const send = (compat: Partial<CompatFlags>) => wired(compat).body;
  const plain = send({});

  it.each<[Partial<CompatFlags>, object]>([
    [{}, { max_tokens: 5, stream: true, response_format: { type: 'json_object' } }],
    [{ maxTokensField: 'max_completion_tokens' }, { max_completion_tokens: 5 }],
    [{ streamUsage: true }, { stream_options: { include_usage: true } }],
    [{ jsonObject: false }, { stream: true }],
    [{ jsonSchema: true }, { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {} } } }],
    [{ reasoningEffort: true }, { reasoning_effort: 'minimal' }],
    [
      { developerRole: true },
      {
        messages: [{ role: 'developer', content: 'a' }, WORDS, { role: 'assistant', content: 'c' }],
      },
    ],
    [
      { replayReasoning: true },
      {
        messages: [{ role: 'system', content: 'a' }, WORDS, { content: 'c', reasoning_content: 'b' }],
      },
    ],
  ])('%j', (compat, expected) => {
    const body = send(compat);
    expect(body).toMatchObject(expected);
    if (Object.keys(compat).length > 0) expect(body).not.toEqual(plain);
  });

  it('json_schema also says who holds the answer against the schema', () => {
    expect(wired({}).unenforced).toEqual({});
    expect(wired({ jsonSchema: true }).unenforced).toBeUndefined();
  });
});
