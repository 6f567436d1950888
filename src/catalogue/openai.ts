import { ModelAbility, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { active, type Endpoint, endedOn, endsOn, type Life, type Limits, limits, type ModelFacts } from './facts.ts';
import { type Price, type Rates, type RateTier, usd } from './rates.ts';

const { IMAGE_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA, REASONING } = ModelAbility;

const BOTH: readonly Endpoint[] = ['chat', 'responses'];
const RESPONSES: readonly Endpoint[] = ['responses'];

const SEES = [IMAGE_INPUT, TOOLS, JSON_SCHEMA];
const READS = [IMAGE_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA];
const SEES_AND_THINKS = [...SEES, REASONING];
const READS_AND_THINKS = [...READS, REASONING];
const THINKS_WITHOUT_SCHEMA = [IMAGE_INPUT, TOOLS, REASONING];

const GPT_4O = limits(128_000, 16_384);
const GPT_41 = limits(1_047_576, 32_768);
const O = limits(200_000, 100_000);
const GPT_5 = limits(400_000, 128_000, 272_000);
const LONG = limits(1_050_000, 128_000, 922_000);

const tiers: Readonly<Record<string, ModelTier>> = {
  'gpt-6.1-sol': ModelTier.PREMIUM,
  'gpt-6.1-terra': ModelTier.STANDARD,
  'gpt-6-luna': ModelTier.ECONOMY,
};

/** "flex" and "batch" cost half. What else there is differs by model, and is not known of all. */
const HALF = { flex: 50n, batch: 50n };
const fast = (percent: bigint) => ({ ...HALF, priority: percent, fast: percent });
const TWICE = fast(200n);

type Cost = Pick<Price, 'tiers'> & Rates;

const flat = (input: string, output: string, cachedInput?: string): Cost => ({
  ...usd(input, output, { ...(cachedInput && { cachedInput }) }),
  tiers: [],
});

/** Above 272,000 input tokens the whole request costs twice as much for input, and half as much again for output. */
function cliff(input: string, output: string, cachedInput?: string, cacheWrite?: string): Cost {
  const rates = usd(input, output, { ...(cachedInput && { cachedInput }), ...(cacheWrite && { cacheWrite }) });
  const twice = (rate: bigint | undefined) => (rate === undefined ? undefined : rate * 2n);
  const above: RateTier = {
    ...rates,
    aboveInputTokens: 272_000,
    input: rates.input * 2n,
    output: (rates.output * 3n) / 2n,
    cachedInput: twice(rates.cachedInput),
    cacheWrite: twice(rates.cacheWrite),
  };
  return { ...rates, tiers: [above] };
}

function model(
  id: string,
  size: Limits,
  abilities: readonly ModelAbility[],
  life: Life,
  cost: Cost,
  servicePercent: Price['servicePercent'] = HALF,
  endpoints = BOTH,
): ModelFacts {
  return {
    provider: 'openai',
    id,
    tier: tiers[id],
    abilities,
    ...size,
    ...life,
    successor: undefined,
    endpoints,
    price: { ...cost, servicePercent, source: 'npm:@earendil-works/pi-ai@1.5.2', asOf: '2026-11-10' },
  };
}

/**
 * OpenAI's models. Prices are US dollars for a million tokens: input, output, read from the cache, written to it. Before
 * gpt-5.6 nothing more is charged for writing.
 *
 * Sources, read 2026-11-21: the npm packages openai 7.55.0 (ids, shutdown dates), @ai-sdk/openai 4.0.118 (abilities)
 * and @earendil-works/pi-ai 1.5.2 (limits, prices, and in dist/api/openai-responses.js the classes of service), and
 * models.dev (limits, modalities, dates).
 */
export const openaiModels: readonly ModelFacts[] = [
  model('gpt-4.1', GPT_41, READS, endsOn('2027-01-14'), flat('2', '8', '0.5'), fast(175n)),
  model('gpt-4.1-mini', GPT_41, READS, endsOn('2027-01-14'), flat('0.4', '1.6', '0.1')),
  model('gpt-4.1-nano', GPT_41, SEES, endedOn('2026-10-23'), flat('0.1', '0.4', '0.025')),
  model('gpt-4o', GPT_4O, READS, endsOn('2027-01-14'), flat('2.5', '10', '1.25')),
  // The oldest version is dearer than those after it, and does less.
  model('gpt-4o-2024-05-13', limits(128_000, 4_096), [IMAGE_INPUT, TOOLS], endsOn('2027-01-14'), flat('5', '15')),
  model('gpt-4o-mini', GPT_4O, READS, endsOn('2027-01-14'), flat('0.15', '0.6', '0.075')),
  model('o3', O, READS_AND_THINKS, endsOn('2026-12-11'), flat('2', '8', '0.5')),
  model('o4-mini', O, SEES_AND_THINKS, endedOn('2026-10-23'), flat('1.1', '4.4', '0.275')),
  model('gpt-5', GPT_5, SEES_AND_THINKS, endsOn('2026-12-11'), flat('1.25', '10', '0.125'), TWICE),
  model('gpt-5-mini', GPT_5, SEES_AND_THINKS, endsOn('2026-12-11'), flat('0.25', '2', '0.025')),
  model('gpt-5-nano', GPT_5, SEES_AND_THINKS, endsOn('2026-12-11'), flat('0.05', '0.4', '0.005')),
  model('gpt-5-pro', GPT_5, SEES_AND_THINKS, active, flat('15', '120'), HALF, RESPONSES),
  model('gpt-5.1', GPT_5, SEES_AND_THINKS, endsOn('2027-04-01'), flat('1.25', '10', '0.125'), TWICE),
  model('gpt-5.2', GPT_5, SEES_AND_THINKS, active, flat('1.75', '14', '0.175'), TWICE),
  model('gpt-5.2-pro', GPT_5, THINKS_WITHOUT_SCHEMA, active, flat('21', '168')),
  model('gpt-5.4', LONG, READS_AND_THINKS, active, cliff('2.5', '15', '0.25'), TWICE),
  model('gpt-5.4-mini', GPT_5, SEES_AND_THINKS, active, flat('0.75', '4.5', '0.075')),
  model('gpt-5.4-nano', GPT_5, SEES_AND_THINKS, endsOn('2027-04-01'), flat('0.2', '1.25', '0.02')),
  model('gpt-5.4-pro', LONG, THINKS_WITHOUT_SCHEMA, active, cliff('30', '180')),
  model('gpt-5.5', LONG, READS_AND_THINKS, active, cliff('5', '30', '0.5'), fast(250n)),
  model('gpt-5.5-pro', LONG, READS_AND_THINKS, active, cliff('30', '180'), HALF, RESPONSES),
  model('gpt-5.6-sol', LONG, SEES_AND_THINKS, active, cliff('4', '20', '0.4', '5'), TWICE),
  model('gpt-5.6-terra', LONG, SEES_AND_THINKS, active, cliff('2', '12', '0.2', '2.5'), TWICE),
  model('gpt-5.6-luna', LONG, SEES_AND_THINKS, active, cliff('0.2', '1.2', '0.02', '0.25'), TWICE),
  model('gpt-6-luna', LONG, SEES_AND_THINKS, active, cliff('0.1', '0.5', '0.01', '0.125'), TWICE),
  model('gpt-6-sol', LONG, SEES_AND_THINKS, active, cliff('2', '10', '0.2', '2.5'), TWICE),
  model('gpt-6-astra', LONG, SEES_AND_THINKS, active, cliff('10', '50', '1', '12.5'), TWICE),
  model('gpt-6.1-sol', LONG, SEES_AND_THINKS, active, cliff('2', '10', '0.1', '2.5'), TWICE),
  model('gpt-6.1-terra', LONG, SEES_AND_THINKS, active, cliff('1', '5', '0.05', '1.25'), TWICE),
];
