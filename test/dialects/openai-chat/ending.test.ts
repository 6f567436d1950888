import { describe, expect, it } from 'vitest';
import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { body, failure, hear, said, short, stream } from './hear.ts';

describe('the end', () => {
  it.each<[string, FinishReason]>([
    ['stop', FinishReason.STOP],
    ['end', FinishReason.STOP],
    ['eos', FinishReason.STOP],
    ['length', FinishReason.LENGTH],
    ['model_length', FinishReason.LENGTH],
    ['model_context_window_exceeded', FinishReason.LENGTH],
    ['tool_calls', FinishReason.TOOL_CALLS],
    ['function_call', FinishReason.TOOL_CALLS],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['error', FinishReason.ERROR],
    ['network_error', FinishReason.ERROR],
    ['something_new', FinishReason.OTHER],
    ['__proto__', FinishReason.OTHER],
  ])('%s', (word, reason) => {
    const { finishReason, providerFinishReason } = stream({ choices: [{ delta: {}, finish_reason: word }] }).ending;
    expect({ finishReason, providerFinishReason }).toEqual({ finishReason: reason, providerFinishReason: word });
  });

  it('keeps "stop" with tool calls, and the last word of several', () => {
    expect(said({ tool_calls: [{ id: 'a', function: { name: 'x' } }] }).ending.finishReason).toBe(FinishReason.STOP);
    const twice = stream({ choices: [{ finish_reason: 'length' }] }, { choices: [{ finish_reason: 'stop' }] });
    expect(twice.ending.finishReason).toBe(FinishReason.STOP);
  });

  it('is a refusal only with words of one', () => {
    expect(said({ refusal: '' }).ending.finishReason).toBe(FinishReason.STOP);
    expect(said({ refusal: 'No' }).ending.finishReason).toBe(FinishReason.CONTENT_FILTER);
  });

  it.each<[string, unknown[]]>([
    ['nothing at all', []],
    ['no reason', [{ choices: [{ delta: { content: 'a' } }] }]],
    ['reasons that are none', [{ choices: [{ finish_reason: '' }, { finish_reason: null }, { finish_reason: 1 }] }]],
    ['the reason of another choice', [{ choices: [{ index: 1, finish_reason: 'stop' }] }]],
    ['only usage', [{ choices: [], usage: { prompt_tokens: 1 } }]],
  ])('a stream with %s is not whole, [DONE] or not', (_, chunks) => {
    expect(failure(() => stream(...chunks)).kind).toBe('upstream_incomplete');
    const withMark = () =>
      hear((decoder) => {
        for (const chunk of chunks) decoder.push({ event: '', data: JSON.stringify(chunk) });
        decoder.push({ event: '', data: '[DONE]' });
      });
    expect(failure(withMark).kind).toBe('upstream_incomplete');
  });

  it('is [DONE], after which nothing counts', () => {
    const heard = hear((decoder) => {
      decoder.push({ event: '', data: '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}' });
      expect(decoder.done).toBe(false);
      decoder.push({ event: '', data: '' });
      decoder.push({ event: '', data: '[DONE]' });
      expect(decoder.done).toBe(true);
      decoder.push({ event: '', data: 'not JSON' });
    });
    expect(short(heard)).toEqual(['a']);
  });

  it('of a body needs no reason, but an answer', () => {
    expect(body({ choices: [{ message: { content: 'a' } }] }).ending.finishReason).toBe(FinishReason.OTHER);
    for (const value of [{}, { choices: [] }, { choices: {} }, null, 'text', [1]])
      expect(failure(() => body(value)).kind).toBe('upstream_bad_response');
  });

  it('takes the first id and model that are there', () => {
    const { ending } = stream(
      { id: '', model: '', choices: [] },
      { id: 'a', model: 'x\ud800', choices: [] },
      { id: 'b', model: 'y', choices: [{ finish_reason: 'stop' }] },
    );
    expect([ending.providerResponseId, ending.providerModel]).toEqual(['a', 'x\ufffd']);
  });
});

describe('usage', () => {
  const used = (...usages: unknown[]) => {
    const chunks = usages.map((usage) => ({ choices: [], usage }));
    const usage = stream({ choices: [{ finish_reason: 'stop' }] }, ...chunks).ending.usage;
    return (
      usage &&
      [
        usage.inputTokens,
        usage.outputTokens,
        usage.totalTokens,
        usage.cachedInputTokens,
        usage.cacheWriteTokens,
        usage.reasoningTokens,
      ].map(Number)
    );
  };

  it.each<[string, unknown, number[] | undefined]>([
    ['plain', { prompt_tokens: 3, completion_tokens: 4, total_tokens: 9 }, [3, 4, 9, 0, 0, 0]],
    ['without a total', { prompt_tokens: 3, completion_tokens: 4 }, [3, 4, 7, 0, 0, 0]],
    ['input alone', { prompt_tokens: 3 }, [3, 0, 3, 0, 0, 0]],
    [
      'cached, as OpenAI',
      { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 } },
      [3, 0, 3, 2, 1, 0],
    ],
    [
      'cached, as DeepSeek',
      { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 0 }, prompt_cache_hit_tokens: 2 },
      [3, 0, 3, 2, 0, 0],
    ],
    ['cached, as Kimi', { prompt_tokens: 3, cached_tokens: 2 }, [3, 0, 3, 2, 0, 0]],
    ['reasoning', { completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } }, [0, 3, 3, 0, 0, 2]],
    [
      'details that are null',
      { completion_tokens: 3, completion_tokens_details: null, prompt_tokens_details: null },
      [0, 3, 3, 0, 0, 0],
    ],
    [
      'counts that are none',
      { prompt_tokens: -1, completion_tokens: 2, total_tokens: 1.5, cached_tokens: 'x' },
      [0, 2, 2, 0, 0, 0],
    ],
    ['no counts', { prompt_tokens: '3', completion_tokens: null, total_tokens: 3 }, undefined],
    ['no object', 7, undefined],
    ['null', null, undefined],
  ])('%s', (_, usage, expected) => expect(used(usage)).toEqual(expected));

  it('is the last that counts anything, wherever it is', () => {
    expect(
      used({ prompt_tokens: 1, completion_tokens: 1 }, { prompt_tokens: 2, completion_tokens: 2 }, null, {}),
    ).toEqual([2, 2, 4, 0, 0, 0]);
    const inChoice = stream({ choices: [{ finish_reason: 'stop', usage: { prompt_tokens: 5 } }] }).ending.usage;
    expect(inChoice?.inputTokens).toBe(5n);
  });
});
