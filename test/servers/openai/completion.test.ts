import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CompleteResponseSchema,
  CostStatus,
  FinishReason,
  type Part,
  PartSchema,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
  UsageSchema,
  WarningCode,
} from '#gen/antiphon/v1/completion_pb.js';
import { reasoningDelta, refusalDelta, type StreamEvent, textDelta, toolCallDelta } from '../../../src/core/events.ts';
import { chatRequest } from '../../../src/servers/openai/chat-request.ts';
import { Chunks } from '../../../src/servers/openai/chunks.ts';
import { completionBody } from '../../../src/servers/openai/completion.ts';

const responseOf = (init: Exclude<MessageInitShape<typeof CompleteResponseSchema>, { $typeName: string }> = {}) =>
  create(CompleteResponseSchema, {
    id: 'call-1',
    provider: 'openai',
    model: 'gpt-5',
    finishReason: FinishReason.STOP,
    ...init,
  });

const text = (value: string): Part => create(PartSchema, { part: { case: 'text', value } });
const state = { provider: 'anthropic', model: 'm', data: new Uint8Array([1, 2]) };
const thought = (value: string, providerState?: typeof state): Part =>
  create(PartSchema, {
    part: { case: 'reasoning', value: { text: value } },
    ...(providerState ? { providerState } : {}),
  });
const call = (id: string): Part =>
  create(PartSchema, { part: { case: 'toolCall', value: { id, name: 'f', arguments: '{}' } } });

/** What the gateway reads when the message comes back as it was given. */
const returned = (message: object): readonly Part[] =>
  chatRequest({ messages: [message] }, () => undefined).request.messages[0]?.content ?? [];

const messageOf = (content: readonly Part[]) =>
  completionBody(responseOf({ content: [...content] }), 5).choices[0]?.message ?? {};

describe('a completion', () => {
  it('has all that OpenAI has a field for', () => {
    const usage = create(UsageSchema, {
      inputTokens: 10n,
      outputTokens: 5n,
      totalTokens: 15n,
      cachedInputTokens: 4n,
      cacheWriteTokens: 2n,
      reasoningTokens: 3n,
    });
    const body = completionBody(responseOf({ content: [thought('why'), text('a'), text('b'), call('c')], usage }), 5);
    expect(body).toMatchObject({
      id: 'chatcmpl-call-1',
      object: 'chat.completion',
      created: 5,
      model: 'openai/gpt-5',
      choices: [
        {
          index: 0,
          logprobs: null,
          message: {
            role: 'assistant',
            content: 'ab',
            refusal: null,
            reasoning_content: 'why',
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    });
  });

  it.each<[string, readonly Part[], string | null]>([
    ['nothing', [], ''],
    ['an empty text', [text('')], ''],
    ['calls alone', [call('c')], null],
    ['a refusal alone', [create(PartSchema, { part: { case: 'refusal', value: 'No.' } })], null],
  ])('of %s says %j', (_, content, said) => {
    expect(messageOf(content)).toMatchObject({ content: said });
  });

  it.each<[FinishReason, string, string]>([
    [FinishReason.STOP, '', 'stop'],
    [FinishReason.LENGTH, '', 'length'],
    [FinishReason.TOOL_CALLS, '', 'tool_calls'],
    [FinishReason.CONTENT_FILTER, '', 'content_filter'],
    [FinishReason.PAUSED, 'pause_turn', 'length'],
    [FinishReason.ERROR, 'failed', 'error'],
    [FinishReason.FALLBACK, '', 'stop'],
    [FinishReason.OTHER, 'odd', 'odd'],
    [FinishReason.OTHER, '', 'stop'],
  ])('that ended with %i %j ends with %j', (finishReason, providerFinishReason, word) => {
    const { choices, antiphon } = completionBody(responseOf({ finishReason, providerFinishReason }), 5);
    expect(choices[0]?.finish_reason).toBe(word);
    expect(antiphon.finish_reason).toBe(FinishReason[finishReason]?.toLowerCase());
  });

  it.each<[CostStatus, object]>([
    [CostStatus.PRICED, { cost_status: 'priced', cost_nano_usd: 7 }],
    [CostStatus.REPORTED, { cost_status: 'reported', cost_nano_usd: 7 }],
    [CostStatus.UNPRICED, { cost_status: 'unpriced' }],
  ])('tells its cost: %i', (status, expected) => {
    const { antiphon } = completionBody(responseOf({ cost: { status, totalNanoUsd: 7n } }), 5);
    expect(antiphon).toMatchObject(expected);
    expect('cost_nano_usd' in antiphon).toBe('cost_nano_usd' in expected);
  });

  it('tells its warnings', () => {
    const warnings = [{ code: WarningCode.DROPPED, field: 'top_k', message: 'Left out.' }];
    expect(completionBody(responseOf({ warnings }), 5).antiphon).toMatchObject({
      warnings: [{ code: 'dropped', field: 'top_k', message: 'Left out.' }],
    });
    expect(completionBody(responseOf(), 5).antiphon).not.toHaveProperty('warnings');
  });
});

describe('a message that comes back', () => {
  it('says the same, with what only its provider can read', () => {
    const content = [thought('why', state), text('a'), call('c')];
    expect(returned(messageOf(content))).toEqual(content);
    expect(messageOf([thought('why'), text('a')])).not.toHaveProperty('antiphon');
  });

  it('says the same without any of that', () => {
    const words = fc.string({ minLength: 1, maxLength: 5 });
    const given = fc.record({
      reasoning: fc.option(words, { nil: undefined }),
      said: fc.option(words, { nil: undefined }),
      calls: fc.uniqueArray(words, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(given, ({ reasoning, said, calls }) => {
        const content = [
          ...(reasoning === undefined ? [] : [thought(reasoning)]),
          ...(said === undefined ? [] : [text(said)]),
          ...calls.map(call),
        ];
        const back = returned(JSON.parse(JSON.stringify(messageOf(content))));
        expect(back.filter(({ part }) => part.case !== 'text' || part.value !== '')).toEqual(content);
      }),
    );
  });

  it('is refused if its state is not as it was given', () => {
    expect(() => returned({ role: 'assistant', content: 'x', antiphon: { state: '%%%' } })).not.toThrow();
    expect(() => returned({ role: 'assistant', content: 'x', antiphon: { state: 'gICA' } })).toThrow(
      /state must come back/,
    );
  });
});

const message = (event: StreamEvent): StreamCompleteResponse => {
  const made = create(StreamCompleteResponseSchema);
  made.event = event;
  return made;
};

/** What a client hears of these events. */
function chunksOf(events: readonly StreamEvent[], includesUsage = false) {
  const chunks = new Chunks(5, { includesUsage, warnings: [] });
  const start = message({
    case: 'start',
    value: { $typeName: 'antiphon.v1.Start', id: 'call-1', provider: 'p', model: 'm', cacheStatus: 0, warnings: [] },
  });
  const usage = create(UsageSchema, { inputTokens: 1n, outputTokens: 2n, totalTokens: 3n });
  const end = message({ case: 'completed', value: responseOf({ usage }) });
  const sent = [start, ...events.map(message), end].map((one) => chunks.of(one)).join('');
  return sent
    .split('\n\n')
    .filter(Boolean)
    .map((event) => JSON.parse(event.slice('data: '.length)));
}

const deltasOf = (events: readonly StreamEvent[]) => chunksOf(events).map(({ choices }) => choices[0]?.delta);

describe('the chunks of a stream', () => {
  it.each<[string, StreamEvent, object]>([
    ['text', textDelta('a'), { content: 'a' }],
    ['reasoning', reasoningDelta('a'), { content: null, reasoning_content: 'a' }],
    ['a refusal', refusalDelta('a'), { content: null, refusal: 'a' }],
    [
      'a tool call',
      toolCallDelta(0, '{', { id: 'c', name: 'f' }),
      { content: null, tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{' } }] },
    ],
  ])('begin with the role: %s', (_, event, delta) => {
    const [first, ...others] = deltasOf([event, textDelta('b')]);
    expect(first).toEqual({ role: 'assistant', ...delta });
    expect(others).toEqual([{ content: 'b' }, {}]);
  });

  it('have the role even if there is nothing to say', () => {
    expect(deltasOf([])).toEqual([{ role: 'assistant', content: '' }, {}]);
  });

  it('name a tool once, and have its function each time', () => {
    const [, , second] = deltasOf([
      textDelta('a'),
      toolCallDelta(0, '{', { id: 'c', name: 'f' }),
      toolCallDelta(0, '}'),
    ]);
    expect(second).toEqual({ tool_calls: [{ index: 0, function: { arguments: '}' } }] });
  });

  it('end with the reason, and after that with the usage, if it was asked for', () => {
    const plain = chunksOf([textDelta('a')]);
    expect(plain.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], antiphon: { provider: 'openai' } });
    expect(plain.some((chunk) => 'usage' in chunk)).toBe(false);
    const counted = chunksOf([textDelta('a')], true);
    expect(counted.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null]);
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } });
  });

  it('have what only the provider can read in the last delta, so that the message can come back', () => {
    const last = deltasOf([
      reasoningDelta('why', create(PartSchema, { providerState: state }).providerState),
      textDelta('a'),
    ]).at(-1);
    expect(returned({ role: 'assistant', content: 'a', ...last })).toEqual([thought('why', state), text('a')]);
  });
});
