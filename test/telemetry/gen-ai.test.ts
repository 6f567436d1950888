import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  AttemptSchema,
  CacheStatus,
  CallContextSchema,
  CompleteRequestSchema,
  CompleteResponseSchema,
  CostSchema,
  CostStatus,
  FinishReason,
  ReasoningEffort,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import { anonymous, newTrail } from '../../src/core/call.ts';
import type { Sink } from '../../src/core/events.ts';
import {
  failureAttributes,
  inferenceSpanName,
  requestAttributes,
  responseAttributes,
} from '../../src/telemetry/gen-ai.ts';

const TARGET = { provider: 'my-openai', model: 'gpt-6-luna' };
const sink: Sink = { emit: () => true, ready: () => Promise.resolve(), committed: false };

/** Those that are set. */
const given = (attributes: object) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

const asked = (request: MessageInitShape<typeof CompleteRequestSchema> = {}, target?: typeof TARGET) => ({
  request: create(CompleteRequestSchema, request),
  context: create(CallContextSchema, { traceId: 't' }),
  caller: anonymous,
  trail: { ...newTrail(), target },
  sink: undefined,
});

describe('what is asked', () => {
  it('is little, if little is known', () => {
    expect(given(requestAttributes(asked()))).toEqual({ 'gen_ai.operation.name': 'chat' });
  });

  it('is everything that is set, and no content', () => {
    const text = (words: string) => [{ part: { case: 'text' as const, value: words } }];
    const call = asked(
      {
        model: 'luna',
        messages: [{ role: Role.USER, content: text('the prompt') }],
        tools: [{ name: 'the tool', description: 'the tool' }],
        stop: ['the stop'],
        temperature: 0,
        topP: 0.5,
        topK: 7,
        maxTokens: 100,
        seed: 42n,
        reasoning: { amount: { case: 'effort', value: ReasoningEffort.XHIGH } },
        responseFormat: { format: { case: 'jsonSchema', value: { name: 'the schema' } } },
      },
      TARGET,
    );
    const context = create(CallContextSchema, { sessionId: 's-1', sourceAgent: 'planner' });
    const attributes = given(requestAttributes({ ...call, context, sink }, 'openai'));
    expect(attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.conversation.id': 's-1',
      'gen_ai.request.model': 'gpt-6-luna',
      'gen_ai.request.stream': true,
      'gen_ai.request.temperature': 0,
      'gen_ai.request.top_p': 0.5,
      'gen_ai.request.top_k': 7,
      'gen_ai.request.max_tokens': 100,
      'gen_ai.request.seed': 42,
      'gen_ai.request.reasoning.level': 'xhigh',
      'gen_ai.output.type': 'json',
      'antiphon.source_agent': 'planner',
      'antiphon.session_id': 's-1',
      'antiphon.provider': 'my-openai',
    });
    expect(JSON.stringify(attributes)).not.toContain('the ');
  });

  const table: [string, MessageInitShape<typeof CompleteRequestSchema>, string, unknown][] = [
    ['a plain text format', { responseFormat: { format: { case: 'text', value: {} } } }, 'gen_ai.output.type', 'text'],
    ['any JSON', { responseFormat: { format: { case: 'jsonObject', value: {} } } }, 'gen_ai.output.type', 'json'],
    ['a format that is none', { responseFormat: {} }, 'gen_ai.output.type', undefined],
    [
      'a budget',
      { reasoning: { amount: { case: 'budgetTokens', value: 5 } } },
      'gen_ai.request.reasoning.level',
      undefined,
    ],
    ['a seed beyond 2^53', { seed: 2n ** 60n }, 'gen_ai.request.seed', undefined],
    ['a model without a target', { model: 'luna' }, 'gen_ai.request.model', 'luna'],
  ];
  it.each(table)('%s', (_, request, name, value) => {
    expect(requestAttributes(asked(request))[name]).toBe(value);
  });

  it('has what a try that broke off will have cost', () => {
    const partialCost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 9n });
    const call = asked({}, TARGET);
    const attributes = requestAttributes({ ...call, trail: { ...call.trail, partialCost } });
    expect(attributes['antiphon.cost.partial_nano_usd']).toBe(9);
  });

  it('has how the target was found, and what the way there was', () => {
    const call = asked({}, TARGET);
    const way = { selectionReason: 'tier balanced', rule: 'batch', queuedMs: 1.5 };
    const trail = { ...call.trail, ...way, attempts: [create(AttemptSchema), create(AttemptSchema)] };
    expect(requestAttributes({ ...call, trail })).toMatchObject({
      'antiphon.selection.reason': 'tier balanced',
      'antiphon.rule': 'batch',
      'antiphon.attempts': 2,
      'antiphon.queue_ms': 1.5,
    });
  });

  it('is of the configured provider, unless the conventions name it otherwise', () => {
    expect(requestAttributes(asked({}, TARGET))['gen_ai.provider.name']).toBe('my-openai');
  });
});

describe('what is answered', () => {
  it('without usage', () => {
    const response = create(CompleteResponseSchema, { finishReason: FinishReason.STOP });
    expect(given(responseAttributes(response))).toEqual({
      'gen_ai.response.finish_reasons': ['stop'],
      'antiphon.cache.status': 'bypass',
    });
  });

  it('with everything, and no content', () => {
    const response = create(CompleteResponseSchema, {
      content: [{ part: { case: 'text', value: 'the answer' } }],
      providerResponseId: 'chatcmpl-1',
      providerModel: 'gpt-6-luna-2026-01-01',
      finishReason: FinishReason.TOOL_CALLS,
      cacheStatus: CacheStatus.MISS,
      usage: {
        inputTokens: 100n,
        outputTokens: 50n,
        cachedInputTokens: 30n,
        cacheWriteTokens: 20n,
        reasoningTokens: 10n,
        estimated: true,
      },
      cost: { status: CostStatus.PRICED, totalNanoUsd: 123_456n },
    });
    const attributes = given(responseAttributes(response, 250));
    expect(attributes).toEqual({
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'gpt-6-luna-2026-01-01',
      'gen_ai.response.finish_reasons': ['tool_call'],
      'gen_ai.response.time_to_first_chunk': 0.25,
      'antiphon.cache.status': 'miss',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 50,
      'gen_ai.usage.cache_read.input_tokens': 30,
      'gen_ai.usage.cache_write.input_tokens': 20,
      'gen_ai.usage.reasoning.output_tokens': 10,
      'antiphon.usage.estimated': true,
      'antiphon.cost.status': 'priced',
      'antiphon.cost.nano_usd': 123_456,
    });
    expect(JSON.stringify(attributes)).not.toContain('the answer');
  });

  it('has a known reason for every end', () => {
    const reasons = Object.values(FinishReason).filter((reason) => typeof reason === 'number');
    for (const finishReason of reasons) {
      const { 'gen_ai.response.finish_reasons': named } = responseAttributes(
        create(CompleteResponseSchema, { finishReason }),
      );
      expect(named).toEqual([expect.stringMatching(/^[a-z_]+$/)]);
    }
    expect(failureAttributes).toEqual({ 'gen_ai.response.finish_reasons': ['error'] });
  });
});

it('the span is named after the model', () => {
  expect([inferenceSpanName('gpt-6-luna'), inferenceSpanName('')]).toEqual(['chat gpt-6-luna', 'chat']);
});
