import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { type Cost, CostStatus, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { catalogue } from '../../src/catalogue/catalogue.ts';
import { priceOf } from '../../src/catalogue/price.ts';
import type { Billing } from '../../src/core/billing.ts';
import { hearBody, hearStream } from '../support/fixtures.ts';
import { speaking } from '../support/recorded.ts';
import { loadRecordings, recordingsDir, responseChunks } from '../support/recordings.ts';

/** What was used: input and output, and of the input what was read from the cache and written to it. */
type Used = readonly [input: number, output: number, cached?: number, written?: number];

/** Thousand-millionths of a US dollar. */
type Expected = readonly [status: keyof typeof CostStatus, input: number, output: number];

interface Row {
  readonly id: string;
  readonly model: string;
  readonly used: Used;
  readonly billing: Billing;
  readonly cost: Expected;
}

const row = (id: string, model: string, used: Used, cost: Expected, billing: Billing = {}): Row => ({
  id,
  model,
  used,
  billing,
  cost,
});

const DEFAULT: Billing = { serviceTier: 'default' };
const STANDARD: Billing = { serviceTier: 'standard' };

/*
 * Worked out by hand: each comment has the input, then the output, as tokens x rate. A dollar for a million tokens is
 * 1,000 thousand-millionths for one.
 */
const rows: readonly Row[] = [
  // 232 x 1,250; 96 x 10,000
  row('openai-chat-stream-image-0001', 'openai/gpt-5', [232, 96], ['PRICED', 290_000, 960_000], DEFAULT),
  // 156 x 1,100; 189 x 4,400
  row('openai-chat-stream-json-schema-0002', 'openai/o4-mini', [156, 189], ['PRICED', 171_600, 831_600], DEFAULT),
  // 79 x 2,500; 15 x 10,000
  row(
    'openai-chat-stream-json-schema-0003',
    'openai/gpt-4o-2024-08-06',
    [79, 15],
    ['PRICED', 197_500, 150_000],
    DEFAULT,
  ),
  // 93 x 5,000; 15 x 15,000
  row(
    'openai-chat-stream-tool-calls-0004',
    'openai/gpt-4o-2024-05-13',
    [93, 15],
    ['PRICED', 465_000, 225_000],
    DEFAULT,
  ),
  // 1 x 75 + 8 x 150, audio as other input; 10 x 600
  row('openai-chat-unary-cache-usage-0001', 'openai/gpt-4o-mini', [9, 10, 1], ['PRICED', 1_275, 6_000], {
    ...DEFAULT,
    audioInputTokens: 2n,
  }),
  // 375 x 250; 372 x 2,000
  row('openai-chat-unary-document-0002', 'openai/gpt-5-mini', [375, 372], ['PRICED', 93_750, 744_000], DEFAULT),
  // 43 x 100; 8 x 400
  row('openai-chat-unary-multibyte-0004', 'openai/gpt-4.1-nano', [43, 8], ['PRICED', 4_300, 3_200], DEFAULT),
  // 14 x 2,000; 48 x 8,000
  row('openai-chat-unary-text-0001', 'openai/gpt-4.1', [14, 48], ['PRICED', 28_000, 384_000], DEFAULT),
  // 75 x 400; 15 x 1,600
  row('openai-chat-unary-tool-results-0001', 'openai/gpt-4.1-mini', [75, 15], ['PRICED', 30_000, 24_000], DEFAULT),
  // There is no price for it.
  row('openai-chat-unary-text-0002', 'openai/o3-mini', [31, 467], ['UNPRICED', 0, 0], DEFAULT),
  // 28,799 x 1,250 = 35,998,750, and 4,352 x 125 = 544,000; 3,367 x 10,000
  row(
    'openai-responses-stream-server-tool-calls-0002',
    'openai/gpt-5',
    [33_151, 3_367, 4_352],
    ['PRICED', 36_542_750, 33_670_000],
    DEFAULT,
  ),
  // 23,726 x 1,250 = 29,657,500, and 92,160 x 125 = 11,520,000; 1,720 x 10,000
  row(
    'openai-responses-unary-server-tool-calls-0002',
    'openai/gpt-5',
    [115_886, 1_720, 92_160],
    ['PRICED', 41_177_500, 17_200_000],
    DEFAULT,
  ),
  // 787 x 50; 2,198 x 400
  row('openai-responses-unary-image-0001', 'openai/gpt-5-nano', [787, 2_198], ['PRICED', 39_350, 879_200], DEFAULT),

  // 4 x 3,000 + 1,167 x 300 = 12,000 + 350,100; 256 x 15,000
  row(
    'anthropic-messages-stream-cache-usage-0001',
    'anthropic/claude-3-5-sonnet-20240620',
    [1_171, 256, 1_167],
    ['PRICED', 362_100, 3_840_000],
  ),
  // 100 x 800 + 2 x 80 + 5 x 1,000; 21 x 4,000
  row(
    'anthropic-messages-unary-cache-usage-0001',
    'anthropic/claude-3-5-haiku-20241022',
    [107, 21, 2, 5],
    ['PRICED', 85_160, 84_000],
  ),
  // 4 x 3,000 + 9,116 x 300 + 219 x 3,750 = 12,000 + 2,734,800 + 821,250; 156 x 15,000
  row(
    'anthropic-messages-unary-server-tool-calls-0001',
    'anthropic/claude-sonnet-4-6',
    [9_339, 156, 9_116, 219],
    ['PRICED', 3_568_050, 2_340_000],
    STANDARD,
  ),
  // 4 x 2,000 + 14,210 x 200 + 426 x 2,500 = 8,000 + 2,842,000 + 1,065,000; 290 x 10,000
  row(
    'anthropic-messages-unary-server-tool-calls-0003',
    'anthropic/claude-sonnet-5',
    [14_640, 290, 14_210, 426],
    ['PRICED', 3_915_000, 2_900_000],
    STANDARD,
  ),
  // 1,921 x 5,000; 78 x 25,000
  row(
    'anthropic-messages-unary-image-0001',
    'anthropic/claude-opus-4-6',
    [1_921, 78],
    ['PRICED', 9_605_000, 1_950_000],
  ),
  // 1,253 x 1,000; 39 x 5,000
  row(
    'anthropic-messages-unary-citations-0001',
    'anthropic/claude-haiku-4-5-20251001',
    [1_253, 39],
    ['PRICED', 1_253_000, 195_000],
  ),
  // 44 x 3,000; 3,000 x 15,000
  row(
    'anthropic-messages-unary-length-0002',
    'anthropic/claude-3-7-sonnet-20250219',
    [44, 3_000],
    ['PRICED', 132_000, 45_000_000],
  ),
  // 825 x 5,000; 72 x 25,000
  row(
    'anthropic-messages-unary-tool-calls-0001',
    'anthropic/claude-opus-4-8',
    [825, 72],
    ['PRICED', 4_125_000, 1_800_000],
  ),
  // 797 x 10,000; 57 x 50,000
  row(
    'anthropic-messages-unary-tool-calls-0002',
    'anthropic/claude-fable-5',
    [797, 57],
    ['PRICED', 7_970_000, 2_850_000],
  ),
  // 22,397 x 3,000; 637 x 15,000
  row(
    'anthropic-messages-stream-server-tool-calls-0004',
    'anthropic/claude-sonnet-4-0',
    [22_397, 637],
    ['PRICED', 67_191_000, 9_555_000],
    STANDARD,
  ),
  // There is no price for it.
  row('anthropic-messages-unary-reasoning-0001', 'anthropic/claude-opus-4-1-20250805', [565, 104], ['UNPRICED', 0, 0]),

  // 272 x 1,250; 1,314 x 10,000
  row('google-generate-stream-image-0001', 'google/gemini-2.5-pro', [272, 1_314], ['PRICED', 340_000, 13_140_000]),
  // 71 x 1,500; 126 x 9,000
  row(
    'google-generate-stream-parallel-tools-0002',
    'google/gemini-3.5-flash',
    [71, 126],
    ['PRICED', 106_500, 1_134_000],
    STANDARD,
  ),
  // It was free of charge.
  row('google-generate-stream-text-0001', 'google/gemini-2.0-flash-exp', [17, 15], ['PRICED', 0, 0]),
  // 154 x 300 + 191 x 30 = 46,200 + 5,730; 104 x 2,500
  row('google-generate-unary-image-0002', 'google/gemini-2.5-flash', [345, 104, 191], ['PRICED', 51_930, 260_000]),
  // 22 x 75; nothing
  row('google-generate-unary-content-filter-0001', 'google/gemini-1.5-flash', [22, 0], ['PRICED', 1_650, 0]),
  // 64 x 500 + 113 x 1,000 for audio; 104 x 3,000
  row(
    'google-generate-unary-tool-results-0002',
    'google/gemini-3-flash-preview',
    [177, 104],
    ['PRICED', 145_000, 312_000],
    { audioInputTokens: 113n },
  ),
  // 120 x 2,000; 164 x 12,000
  row(
    'google-generate-unary-tool-calls-0001',
    'google/gemini-3.1-pro-preview',
    [120, 164],
    ['PRICED', 240_000, 1_968_000],
    STANDARD,
  ),

  // What OpenRouter says, 0.007650917 dollars: undivided.
  row('openrouter-chat-stream-citations-0001', 'openrouter/deepseek/deepseek-chat', [2_317, 53], ['REPORTED', 0, 0], {
    reportedNanoUsd: 7_650_917n,
  }),
  // It says nothing here, and there is no table for it.
  row('openrouter-chat-unary-tool-calls-0001', 'openrouter/x-ai/grok-3-mini-beta', [205, 929, 204], ['UNPRICED', 0, 0]),
  // There is no price for it.
  row('groq-chat-unary-tool-results-0001', 'groq/openai/gpt-oss-120b', [336, 96, 256], ['UNPRICED', 0, 0], {
    serviceTier: 'on_demand',
  }),
];

const kinds = ['openai', 'anthropic', 'google', 'openrouter', 'groq'];
const known = catalogue({ providers: kinds.map((kind) => ({ name: kind, kind })) });

const targetOf = (name: string) => {
  const slash = name.indexOf('/');
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
};

const usageOf = ([input, output, cached = 0, written = 0]: Used) =>
  create(UsageSchema, {
    inputTokens: BigInt(input),
    outputTokens: BigInt(output),
    cachedInputTokens: BigInt(cached),
    cacheWriteTokens: BigInt(written),
  });

const told = ({ status, inputNanoUsd, outputNanoUsd, totalNanoUsd }: Cost) => ({
  cost: [CostStatus[status], Number(inputNanoUsd), Number(outputNanoUsd)],
  totalNanoUsd,
});

const expected = ({ cost, billing }: Row) => ({
  cost,
  totalNanoUsd: billing.reportedNanoUsd ?? BigInt(cost[1] + cost[2]),
});

describe('what recorded calls cost', () => {
  it('is told of 30 calls and more', () => {
    expect(new Set(rows.map(({ id }) => id)).size).toBeGreaterThanOrEqual(30);
  });

  it.each(rows)('$id', (each) => {
    const cost = priceOf(usageOf(each.used), each.billing, known.price(targetOf(each.model)));
    expect(told(cost)).toEqual(expected(each));
  });
});

const exchanges = new Map(loadRecordings().map((exchange) => [exchange.id, exchange]));

/** The usage and what else the price depends on, as the provider's own dialect reads them from the recording. */
function heard(id: string) {
  const exchange = exchanges.get(id);
  if (!exchange) throw new Error(`there is no recording ${id}`);
  const { dialect, target } = speaking(exchange);
  const { ending } =
    exchange.mode === 'stream'
      ? hearStream(dialect, target, responseChunks(exchange))
      : hearBody(dialect, target, exchange.response.body);
  return { ...ending, target };
}

describe.skipIf(recordingsDir === undefined)('as their dialects hear them (RECORDINGS_DIR)', () => {
  it.each(rows)('$id', (each) => {
    const { usage, billing = {}, target } = heard(each.id);
    expect(`${target.provider}/${target.model}`).toBe(each.model);
    const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens } = usage ?? usageOf([0, 0]);
    expect(create(UsageSchema, { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens })).toEqual(
      usageOf(each.used),
    );
    expect(told(priceOf(usage ?? usageOf([0, 0]), billing, known.price(target)))).toEqual(expected(each));
  });

  /** OpenRouter charges what these providers charge, so its reports are an independent proof of the tables. */
  it.each([
    ['openrouter-chat-stream-text-0001', 'anthropic/claude-sonnet-4-6'],
    ['openrouter-chat-stream-tool-calls-0001', 'anthropic/claude-haiku-4-5'],
    ['openrouter-chat-unary-json-schema-0001', 'anthropic/claude-haiku-4-5'],
    ['openrouter-chat-unary-length-0001', 'anthropic/claude-sonnet-4-6'],
    ['openrouter-chat-unary-image-0001', 'google/gemini-2.5-flash'],
    ['openrouter-chat-stream-tool-results-0003', 'openai/gpt-5.4-nano'],
  ])('%s costs what %s does', (id, model) => {
    const { usage, billing } = heard(id);
    const cost = priceOf(usage ?? usageOf([0, 0]), {}, known.price(targetOf(model)));
    expect(cost.totalNanoUsd).toBe(billing?.reportedNanoUsd);
  });
});
