import { ModelAbility, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { active, endedOn, endsOn, type Life, type Limits, limits, type ModelFacts } from './facts.ts';
import { type Price, type Rates, usd } from './rates.ts';

const { IMAGE_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA, REASONING } = ModelAbility;

const READS = [IMAGE_INPUT, DOCUMENT_INPUT, TOOLS];
const READS_AND_THINKS = [...READS, REASONING];
const ALL = [...READS, JSON_SCHEMA, REASONING];

const CLAUDE_35 = limits(200_000, 8_192);
const CLAUDE_4 = limits(200_000, 64_000);
const MILLION = limits(1_000_000, 128_000);

const tiers: Readonly<Record<string, ModelTier>> = {
  'claude-opus-5-5': ModelTier.PREMIUM,
  'claude-sonnet-5-5': ModelTier.STANDARD,
  'claude-haiku-5-5': ModelTier.ECONOMY,
};

const successors = { opus: 'claude-opus-5-5', sonnet: 'claude-sonnet-5-5', haiku: 'claude-haiku-5-5' };

/** The newest of its class. */
const successorOf = (id: string): string | undefined =>
  Object.entries(successors).find(([name, newest]) => id.includes(name) && id !== newest)?.[1];

/** Since Claude 3.7 what is kept for an hour costs twice the input. Of the newest ids that was not seen, but inferred. */
const hourly = (input: string, output: string, cachedInput: string, cacheWrite: string): Rates => {
  const rates = usd(input, output, { cachedInput, cacheWrite });
  return { ...rates, cacheWrite1h: rates.input * 2n };
};

const PI = { source: 'npm:@earendil-works/pi-ai@1.5.2', asOf: '2026-11-10' };
const MODELS_DEV = { source: 'models.dev', asOf: '2026-07-02' };

const BATCH = { batch: 50n };
const FAST = { batch: 50n, fast: 200n };

const price = (rates: Rates, servicePercent: Price['servicePercent'] = BATCH, from = PI): Price => ({
  ...rates,
  tiers: [],
  servicePercent,
  ...from,
});

const gone = (rates: Rates): Price => price(rates, BATCH, MODELS_DEV);

const OPUS_3 = gone(usd('15', '75', { cachedInput: '1.5', cacheWrite: '18.75' }));
const SONNET_35 = gone(usd('3', '15', { cachedInput: '0.3', cacheWrite: '3.75' }));
const HAIKU_35 = gone(usd('0.8', '4', { cachedInput: '0.08', cacheWrite: '1' }));
const OPUS_4 = gone(hourly('15', '75', '1.5', '18.75'));
const SONNET_4 = hourly('3', '15', '0.3', '3.75');
const OPUS_45 = hourly('5', '25', '0.5', '6.25');
/** Above 100,000 input tokens a whole request costs five times as much. */
const HAIKU_55: Price = {
  ...price(hourly('0.1', '0.5', '0.01', '0.125')),
  tiers: [{ aboveInputTokens: 100_000, ...hourly('0.5', '2.5', '0.05', '0.625') }],
};

const model = (id: string, size: Limits, abilities: readonly ModelAbility[], life: Life, cost: Price): ModelFacts => ({
  provider: 'anthropic',
  id,
  tier: tiers[id],
  abilities,
  ...size,
  ...life,
  successor: successorOf(id),
  endpoints: ['messages'],
  price: cost,
});

/**
 * Anthropic's models. Prices are US dollars for a million tokens: input, output, read from the cache, written to it. Those
 * without a date in their id stand for the dated ones too.
 *
 * Sources, read 2026-11-21: the npm packages @earendil-works/pi-ai 1.5.2 (prices, and of batches from its OpenRouter
 * list), @anthropic-ai/sdk 1.11.0 (ids, days of retirement) and @ai-sdk/anthropic 4.0.105 (JSON Schema), and models.dev
 * (limits, modalities; for models that are gone the prices of their last row). The prices for an hour are those of
 * github.com/Wei-Shaw/model-price-repo (2026-07-24).
 */
export const anthropicModels: readonly ModelFacts[] = [
  model('claude-3-opus', limits(200_000, 4_096), READS, endedOn('2026-01-05'), OPUS_3),
  model('claude-3-opus-20240229', limits(200_000, 4_096), READS, endedOn('2026-01-05'), OPUS_3),
  model('claude-3-5-sonnet', CLAUDE_35, READS, endedOn('2025-10-28'), SONNET_35),
  model('claude-3-5-sonnet-20240620', CLAUDE_35, READS, endedOn('2025-10-28'), SONNET_35),
  model('claude-3-5-sonnet-20241022', CLAUDE_35, READS, endedOn('2025-10-28'), SONNET_35),
  model('claude-3-5-haiku-20241022', CLAUDE_35, READS, endedOn('2026-02-19'), HAIKU_35),
  model('claude-3-7-sonnet-20250219', CLAUDE_4, READS_AND_THINKS, endedOn('2026-02-19'), gone(SONNET_4)),
  model('claude-sonnet-4-20250514', CLAUDE_4, READS_AND_THINKS, endedOn('2026-06-15'), gone(SONNET_4)),
  model('claude-opus-4-20250514', limits(200_000, 32_000), READS_AND_THINKS, endedOn('2026-06-15'), OPUS_4),
  model('claude-haiku-4-5', CLAUDE_4, ALL, active, price(hourly('1', '5', '0.1', '1.25'))),
  model('claude-sonnet-4-5', CLAUDE_4, ALL, endsOn('2026-11-30'), price(SONNET_4)),
  model('claude-opus-4-5', CLAUDE_4, ALL, active, price(OPUS_45)),
  model('claude-sonnet-4-6', MILLION, ALL, active, price(SONNET_4)),
  model('claude-opus-4-6', MILLION, ALL, active, price(OPUS_45)),
  model('claude-opus-4-7', MILLION, ALL, active, price(OPUS_45)),
  model('claude-opus-4-8', MILLION, ALL, active, price(OPUS_45, FAST)),
  model('claude-sonnet-5', MILLION, ALL, active, price(hourly('2', '10', '0.2', '2.5'))),
  model('claude-fable-5', MILLION, ALL, active, price(hourly('10', '50', '1', '12.5'))),
  model('claude-opus-5', MILLION, ALL, active, price(OPUS_45, FAST)),
  model('claude-fable-5-1', MILLION, ALL, active, price(hourly('10', '50', '0.25', '12.5'))),
  model('claude-fable-5-2', MILLION, ALL, active, price(hourly('8', '40', '0.2', '10'), FAST)),
  model('claude-opus-5-5', MILLION, ALL, active, price(hourly('4', '20', '0.2', '5'), FAST)),
  model('claude-sonnet-5-5', MILLION, ALL, active, price(hourly('2', '10', '0.1', '2.5'))),
  model('claude-haiku-5-5', MILLION, ALL, active, HAIKU_55),
];
