import { ModelAbility, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { active, endedOn, endsOn, type Life, type Limits, limits, type ModelFacts } from './facts.ts';
import { type Price, type Rates, usd } from './rates.ts';

const { IMAGE_INPUT, AUDIO_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA, REASONING } = ModelAbility;

const HEARS = [IMAGE_INPUT, AUDIO_INPUT, TOOLS];
const READS = [IMAGE_INPUT, AUDIO_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA];
const ALL = [...READS, REASONING];
/** Of the newest ids nothing but text and images was seen. */
const SEES_AND_THINKS = [IMAGE_INPUT, TOOLS, JSON_SCHEMA, REASONING];

const GEMINI_15 = limits(1_000_000, 8_192);
const GEMINI_20 = limits(1_048_576, 8_192);
const GEMINI_25 = limits(1_048_576, 65_536);

const tiers: Readonly<Record<string, ModelTier>> = {
  'gemini-4-argon': ModelTier.PREMIUM,
  'gemini-3.8-flash': ModelTier.STANDARD,
  'gemini-3.5-flash-lite': ModelTier.ECONOMY,
};

const successors: Readonly<Record<string, string>> = {
  'gemini-2.5-flash': 'gemini-3.5-flash-lite',
  'gemini-2.5-pro': 'gemini-3.8-flash',
};

const PI = { source: 'npm:@earendil-works/pi-ai@1.5.2', asOf: '2026-11-10' };
const MODELS_DEV = { source: 'models.dev', asOf: '2026-07-02' };

const rates = (input: string, output: string, cachedInput: string, audioInput?: string): Rates =>
  usd(input, output, { cachedInput, ...(audioInput && { audioInput }) });

const price = (cost: Rates, from = PI): Price => ({ ...cost, tiers: [], servicePercent: {}, ...from });

/** Above 200,000 input tokens the whole request costs more. */
const cliff = (cost: Rates, above: Rates): Price => ({
  ...price(cost),
  tiers: [{ aboveInputTokens: 200_000, ...above }],
});

const FLASH_36 = price(rates('0.75', '3.75', '0.075'));

const model = (
  id: string,
  size: Limits,
  abilities: readonly ModelAbility[],
  life: Life,
  cost: Price | undefined,
): ModelFacts => ({
  provider: 'google',
  id,
  tier: tiers[id],
  abilities,
  ...size,
  ...life,
  successor: successors[id],
  endpoints: ['generate'],
  price: cost,
});

/**
 * Google's models for the Gemini API. Prices are US dollars for a million tokens: input, output, read from the cache,
 * audio. Nothing more is charged for writing to the cache. What the classes of service cost is not known.
 *
 * Sources, read 2026-11-21: the npm packages @earendil-works/pi-ai 1.5.2 (prices) and @ai-sdk/google 4.0.121 (ids,
 * abilities), and models.dev (limits, modalities; for models that are gone the prices of their last row). The ends of
 * gemini-2.5-flash and gemini-2.5-pro, and what follows them, were seen in one place only, which is not Google's.
 */
export const googleModels: readonly ModelFacts[] = [
  model('gemini-1.5-pro', GEMINI_15, HEARS, endedOn(''), price(rates('1.25', '5', '0.3125'), MODELS_DEV)),
  model('gemini-1.5-flash', GEMINI_15, HEARS, endedOn(''), price(rates('0.075', '0.3', '0.01875'), MODELS_DEV)),
  model('gemini-2.0-flash', GEMINI_20, READS, endedOn('2026-06-01'), price(rates('0.1', '0.4', '0.025'), MODELS_DEV)),
  // It was free of charge.
  model('gemini-2.0-flash-exp', GEMINI_20, [IMAGE_INPUT, TOOLS], endedOn(''), price(usd('0', '0'), MODELS_DEV)),
  model('gemini-2.5-flash-lite', GEMINI_25, ALL, active, price(rates('0.1', '0.4', '0.01', '0.3'))),
  model('gemini-2.5-flash', GEMINI_25, ALL, endsOn('2026-12-01'), price(rates('0.3', '2.5', '0.03', '1'))),
  model(
    'gemini-2.5-pro',
    GEMINI_25,
    ALL,
    endsOn('2026-12-01'),
    cliff(rates('1.25', '10', '0.125'), rates('2.5', '15', '0.25')),
  ),
  model('gemini-3-flash-preview', GEMINI_25, ALL, active, price(rates('0.5', '3', '0.05', '1'))),
  model('gemini-3-pro-preview', GEMINI_25, ALL, endedOn('2026-03-09'), price(rates('2', '12', '0.2'), MODELS_DEV)),
  model('gemini-3.1-pro-preview', GEMINI_25, ALL, active, cliff(rates('2', '12', '0.2'), rates('4', '18', '0.4'))),
  model('gemini-3.1-flash-lite', GEMINI_25, ALL, active, price(rates('0.25', '1.5', '0.025', '0.5'))),
  model('gemini-3.5-flash', GEMINI_25, ALL, active, price(rates('1.5', '9', '0.15', '1.5'))),
  model('gemini-3.5-flash-lite', GEMINI_25, SEES_AND_THINKS, active, price(rates('0.3', '2.5', '0.03'))),
  model('gemini-3.6-flash', GEMINI_25, SEES_AND_THINKS, active, FLASH_36),
  model('gemini-3.7-flash', GEMINI_25, SEES_AND_THINKS, active, FLASH_36),
  model('gemini-3.8-flash', GEMINI_25, SEES_AND_THINKS, active, FLASH_36),
  model('gemini-4-argon', limits(1_048_576, 32_768), SEES_AND_THINKS, active, price(rates('2', '10', '0.1'))),
  model('gemini-4-carbon', limits(), SEES_AND_THINKS, active, undefined),
  model('gemini-4-hydrogen', limits(), SEES_AND_THINKS, active, undefined),
];
