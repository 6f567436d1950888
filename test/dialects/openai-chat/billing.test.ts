import { describe, expect, it } from 'vitest';
import { readBilling } from '../../../src/dialects/openai-chat/billing.ts';
import { streamOf } from './hear.ts';

const cost = (usage: object) => readBilling(usage, '', { reportedCost: true })?.reportedNanoUsd;

describe('the cost that is reported', () => {
  it.each<[string, object, bigint | undefined]>([
    ['is in nano-dollars', { cost: 0.00017 }, 170_000n],
    ['is rounded', { cost: 0.0076509169000000005 }, 7_650_917n],
    ['may be nothing', { cost: 0, is_byok: false }, 0n],
    [
      'leaves out what the provider behind it charges',
      { cost: 0.001, is_byok: false, cost_details: { upstream_inference_cost: 0.001 } },
      1_000_000n,
    ],
    [
      'has that besides with a key of the caller’s own',
      { cost: 0.00005, is_byok: true, cost_details: { upstream_inference_cost: 0.001 } },
      1_050_000n,
    ],
    [
      'or its parts',
      {
        cost: 0.00005,
        is_byok: true,
        cost_details: {
          upstream_inference_cost: null,
          upstream_inference_prompt_cost: 0.001,
          upstream_inference_completions_cost: 0.002,
        },
      },
      3_050_000n,
    ],
    ['is none without a number', { cost: '0.1' }, undefined],
    ['is none where it is negative', { cost: -1 }, undefined],
    ['is none where there is none', { is_byok: true }, undefined],
  ])('%s', (_, usage, expected) => expect(cost(usage)).toBe(expected));

  it('is not believed of others', () => {
    expect(readBilling({ cost: 1 }, '', {})).toBeUndefined();
  });
});

describe('the ending', () => {
  const chunk = (more: object) => ({ choices: [{ delta: {}, finish_reason: 'stop' }], ...more });
  const usage = { prompt_tokens: 3, completion_tokens: 4, cost: 0.5 };

  it('has the cost of the last usage that counts', () => {
    const { billing } = streamOf({ reportedCost: true }, chunk({ usage }), chunk({ usage: { cost: 9 } })).ending;
    expect(billing).toEqual({ reportedNanoUsd: 500_000_000n });
  });

  it('has the last class of service, and the tokens of sound', () => {
    const counted = { ...usage, prompt_tokens_details: { audio_tokens: 2 } };
    const chunks = [chunk({ service_tier: 'auto' }), chunk({ service_tier: 'flex', usage: counted })];
    expect(streamOf({}, ...chunks, { choices: [], service_tier: null }).ending.billing).toEqual({
      serviceTier: 'flex',
      audioInputTokens: 2n,
    });
  });

  it('has none where nothing is told', () => {
    expect(streamOf({}, chunk({ usage, service_tier: null })).ending).not.toHaveProperty('billing');
  });

  it('has the model’s short name', () => {
    const shortModel = (name: string) => name.replace('gpt://', '');
    expect(streamOf({ shortModel }, chunk({ model: 'gpt://m' })).ending.providerModel).toBe('m');
  });
});

describe('reasoning that completion_tokens leaves out', () => {
  it.each<[string, object, number[]]>([
    // Rows of xAI and of Gemini's compatible endpoint, which does not count reasoning at all.
    ['is in the total', { prompt_tokens: 10, completion_tokens: 50, total_tokens: 512 }, [502, 512]],
    ['is told apart', { prompt_tokens: 10, completion_tokens: 5, total_tokens: 22 }, [12, 22]],
    [
      'is added where there is no total',
      { prompt_tokens: 1, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 7 } },
      [12, 13],
    ],
    [
      'is not added twice',
      { prompt_tokens: 1, completion_tokens: 9, total_tokens: 10, completion_tokens_details: { reasoning_tokens: 7 } },
      [9, 10],
    ],
    ['is never less than nothing', { prompt_tokens: 10, completion_tokens: 5, total_tokens: 3 }, [5, 3]],
  ])('%s', (_, usage, expected) => {
    const last = { choices: [{ delta: {}, finish_reason: 'stop' }], usage };
    const heard = streamOf({ reasoningOutsideOutput: true }, last).ending.usage;
    expect([heard?.outputTokens, heard?.totalTokens].map(Number)).toEqual(expected);
    expect(Number(streamOf({}, last).ending.usage?.outputTokens)).toBe(
      'completion_tokens' in usage ? usage.completion_tokens : 0,
    );
  });
});
