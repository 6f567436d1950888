import { describe, expect, it } from 'vitest';
import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { body, end, failure, short, start, stream } from './hear.ts';

describe('the end', () => {
  it.each<[string, FinishReason]>([
    ['end_turn', FinishReason.STOP],
    ['stop_sequence', FinishReason.STOP],
    ['max_tokens', FinishReason.LENGTH],
    ['model_context_window_exceeded', FinishReason.LENGTH],
    ['tool_use', FinishReason.TOOL_CALLS],
    ['refusal', FinishReason.CONTENT_FILTER],
    ['pause_turn', FinishReason.PAUSED],
    ['compaction', FinishReason.PAUSED],
    ['something_new', FinishReason.OTHER],
    ['__proto__', FinishReason.OTHER],
  ])('%s', (word, reason) => {
    const { finishReason, providerFinishReason } = stream(start(), ...end(word)).ending;
    expect({ finishReason, providerFinishReason }).toEqual({ finishReason: reason, providerFinishReason: word });
    expect(body({ type: 'message', stop_reason: word }).ending.finishReason).toBe(reason);
  });

  it('keeps the names of the model and the answer', () => {
    const { providerModel, providerResponseId } = stream(start(), ...end()).ending;
    expect({ providerModel, providerResponseId }).toEqual({ providerModel: 'm-1', providerResponseId: 'msg_1' });
  });

  it.each<[string, object[]]>([
    ['without an event', []],
    ['without its end', [start(), ...end().slice(0, 1)]],
    ['without a reason', [start(), ...end(null)]],
    ['with nothing but its end', [{ type: 'message_stop' }]],
  ])('a stream %s is not whole', (_, events) =>
    expect(failure(() => stream(...events)).kind).toBe('upstream_incomplete'),
  );

  it('a body is whole without a reason', () => {
    expect(body({ type: 'message', content: [], stop_reason: null }).ending.finishReason).toBe(FinishReason.OTHER);
  });

  it('tells why the model refused', () => {
    const delta = { stop_reason: 'refusal', stop_details: { explanation: 'No\ud800' } };
    expect(short(stream(start(), { type: 'message_delta', delta }, { type: 'message_stop' }))).toEqual(['!No\ufffd']);
    const other = { stop_reason: 'end_turn', stop_details: { explanation: 'No' } };
    expect(short(stream(start(), { type: 'message_delta', delta: other }, { type: 'message_stop' }))).toEqual([]);
  });
});

describe('usage', () => {
  const counts = { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 1 };

  it('counts what the cache gave and took as input', () => {
    expect(stream(start(counts), ...end('end_turn', { output_tokens: 7 })).ending.usage).toMatchObject({
      inputTokens: 123n,
      outputTokens: 7n,
      totalTokens: 130n,
      cachedInputTokens: 100n,
      cacheWriteTokens: 20n,
      reasoningTokens: 0n,
    });
  });

  it('takes the later counts, and keeps those that do not come again', () => {
    const later = {
      input_tokens: 5,
      cache_read_input_tokens: null,
      output_tokens: 9,
      output_tokens_details: { thinking_tokens: 4 },
    };
    expect(stream(start(counts), ...end('end_turn', later)).ending.usage).toMatchObject({
      inputTokens: 125n,
      outputTokens: 9n,
      cachedInputTokens: 100n,
      reasoningTokens: 4n,
    });
  });

  it.each([{}, { input_tokens: null }, { input_tokens: -1 }, { input_tokens: '3', output_tokens: 1.5 }])(
    'is not known from %j',
    (usage) => expect(stream(start(usage), ...end()).ending.usage).toBeUndefined(),
  );

  it.each<[object, object]>([
    [{}, {}],
    [{ service_tier: 'standard', speed: 'standard', cache_creation: { ephemeral_1h_input_tokens: 0 } }, {}],
    [{ service_tier: 'priority', speed: null }, { serviceTier: 'priority' }],
    [{ service_tier: 'standard', speed: 'fast' }, { serviceTier: 'fast' }],
    [{ cache_creation: { ephemeral_1h_input_tokens: 12, ephemeral_5m_input_tokens: 3 } }, { cacheWrite1hTokens: 12n }],
  ])('%j is billed as %o', (usage, billing) => {
    expect(stream(start(usage), ...end()).ending.billing).toEqual(billing);
    expect(body({ type: 'message', usage }).ending.billing).toEqual(billing);
  });
});
