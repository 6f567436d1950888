import { ModelAbility, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { active, type Endpoint, endedOn, endsOn, type Life, type ModelFacts } from './facts.ts';

const { IMAGE_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA, REASONING } = ModelAbility;

const BOTH: readonly Endpoint[] = ['chat', 'responses'];
const RESPONSES: readonly Endpoint[] = ['responses'];

const SEES = [IMAGE_INPUT, TOOLS, JSON_SCHEMA];
const READS = [IMAGE_INPUT, DOCUMENT_INPUT, TOOLS, JSON_SCHEMA];
const SEES_AND_THINKS = [...SEES, REASONING];
const READS_AND_THINKS = [...READS, REASONING];
const THINKS_WITHOUT_SCHEMA = [IMAGE_INPUT, TOOLS, REASONING];

const tiers: Readonly<Record<string, ModelTier>> = {
  'gpt-6.1-sol': ModelTier.PREMIUM,
  'gpt-6.1-terra': ModelTier.STANDARD,
  'gpt-6-luna': ModelTier.ECONOMY,
};

function model(
  id: string,
  contextWindowTokens: number,
  maxOutputTokens: number,
  abilities: readonly ModelAbility[],
  life: Life,
  endpoints = BOTH,
): ModelFacts {
  return {
    provider: 'openai',
    id,
    tier: tiers[id],
    abilities,
    contextWindowTokens,
    maxOutputTokens,
    endpoints,
    ...life,
  };
}

/**
 * OpenAI's models. Limits are tokens: the context window, then the most output.
 *
 * Prices come with the accounting of cost; there are none here, so none can be wrong.
 * Sources, read 2026-11-21: the npm packages openai 7.55.0 (ids, shutdown dates), @ai-sdk/openai 4.0.118 (abilities)
 * and @earendil-works/pi-ai 1.5.2 (limits), and models.dev (limits, modalities, dates).
 */
export const openaiModels: readonly ModelFacts[] = [
  model('gpt-4.1', 1_047_576, 32_768, READS, endsOn('2027-01-14')),
  model('gpt-4.1-mini', 1_047_576, 32_768, READS, endsOn('2027-01-14')),
  model('gpt-4.1-nano', 1_047_576, 32_768, SEES, endedOn('2026-10-23')),
  model('gpt-4o', 128_000, 16_384, READS, endsOn('2027-01-14')),
  model('gpt-4o-mini', 128_000, 16_384, READS, endsOn('2027-01-14')),
  model('o3', 200_000, 100_000, READS_AND_THINKS, endsOn('2026-12-11')),
  model('o4-mini', 200_000, 100_000, SEES_AND_THINKS, endedOn('2026-10-23')),
  model('gpt-5', 400_000, 128_000, SEES_AND_THINKS, endsOn('2026-12-11')),
  model('gpt-5-mini', 400_000, 128_000, SEES_AND_THINKS, endsOn('2026-12-11')),
  model('gpt-5-nano', 400_000, 128_000, SEES_AND_THINKS, endsOn('2026-12-11')),
  model('gpt-5-pro', 400_000, 128_000, SEES_AND_THINKS, active, RESPONSES),
  model('gpt-5.1', 400_000, 128_000, SEES_AND_THINKS, endsOn('2027-04-01')),
  model('gpt-5.2', 400_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-5.2-pro', 400_000, 128_000, THINKS_WITHOUT_SCHEMA, active),
  model('gpt-5.4', 1_050_000, 128_000, READS_AND_THINKS, active),
  model('gpt-5.4-mini', 400_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-5.4-nano', 400_000, 128_000, SEES_AND_THINKS, endsOn('2027-04-01')),
  model('gpt-5.4-pro', 1_050_000, 128_000, THINKS_WITHOUT_SCHEMA, active),
  model('gpt-5.5', 1_050_000, 128_000, READS_AND_THINKS, active),
  model('gpt-5.5-pro', 1_050_000, 128_000, READS_AND_THINKS, active, RESPONSES),
  model('gpt-5.6-sol', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-5.6-terra', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-5.6-luna', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-6-luna', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-6-sol', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-6-astra', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-6.1-sol', 1_050_000, 128_000, SEES_AND_THINKS, active),
  model('gpt-6.1-terra', 1_050_000, 128_000, SEES_AND_THINKS, active),
];
