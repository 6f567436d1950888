import { ModelAbility, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { ModelOverride } from '../catalogue/override.ts';
import type { Price, Rates, RateTier } from '../catalogue/rates.ts';
import { nanoUsdOfNumber as amount } from '../core/billing.ts';
import type { CatalogueEntry, ModelEntry, PriceEntry } from './schema-catalogue.ts';

/** What the configuration says of the catalogue. */
export interface CatalogueConfig {
  /** By "provider/id", with the name under which the provider is configured. */
  readonly overrides: ReadonlyMap<string, ModelOverride>;
  /** How often the providers' own lists are read, in milliseconds. Undefined: never. */
  readonly refreshMs: number | undefined;
}

const abilities = {
  image_input: ModelAbility.IMAGE_INPUT,
  audio_input: ModelAbility.AUDIO_INPUT,
  document_input: ModelAbility.DOCUMENT_INPUT,
  tools: ModelAbility.TOOLS,
  json_schema: ModelAbility.JSON_SCHEMA,
  reasoning: ModelAbility.REASONING,
};
const tiers = {
  fast: ModelTier.FAST,
  balanced: ModelTier.BALANCED,
  premium: ModelTier.PREMIUM,
  economy: ModelTier.FAST,
  standard: ModelTier.BALANCED,
};
const lifecycles = {
  active: ModelLifecycle.ACTIVE,
  deprecated: ModelLifecycle.DEPRECATED,
  retired: ModelLifecycle.RETIRED,
};

/** The catalogue's part of the file, in the catalogue's own words. */
export const catalogueOverrides = ({ models, refresh_ms }: CatalogueEntry): CatalogueConfig => ({
  overrides: new Map(Object.entries(models).map(([target, entry]) => [target, override(entry)])),
  refreshMs: refresh_ms,
});

const override = (entry: ModelEntry): ModelOverride => ({
  ...limits(entry),
  ...life(entry),
  ...(entry.abilities && { abilities: [...new Set(entry.abilities.map((name) => abilities[name]))] }),
  ...(entry.tier && { tier: tiers[entry.tier] }),
  ...(entry.price && { price: priceOf(entry.price) }),
});

const limits = ({ context_window_tokens, max_input_tokens, max_output_tokens }: ModelEntry): ModelOverride => ({
  ...(context_window_tokens && { contextWindowTokens: context_window_tokens }),
  ...(max_input_tokens && { maxInputTokens: max_input_tokens }),
  ...(max_output_tokens && { maxOutputTokens: max_output_tokens }),
});

/** A date alone says that the model is going; a life without a date leaves the built-in one, except for `active`. */
function life({ lifecycle, retirement_date }: ModelEntry): ModelOverride {
  if (retirement_date !== undefined)
    return { lifecycle: lifecycles[lifecycle ?? 'deprecated'], retirementDate: retirement_date };
  if (lifecycle === undefined) return {};
  return { lifecycle: lifecycles[lifecycle], ...(lifecycle === 'active' && { retirementDate: '' }) };
}

/** Undefined: it is not complete, which is a problem that has been told. */
function priceOf(entry: PriceEntry): Price | undefined {
  const rates = ratesOf(entry);
  return (
    rates && {
      ...rates,
      tiers: entry.tiers.flatMap(tierOf).sort((a, b) => a.aboveInputTokens - b.aboveInputTokens),
      servicePercent: {},
      source: entry.source,
      asOf: entry.as_of ?? '',
    }
  );
}

function tierOf(entry: PriceEntry['tiers'][number]): RateTier[] {
  const rates = ratesOf(entry);
  return rates ? [{ aboveInputTokens: entry.above_input_tokens, ...rates }] : [];
}

function ratesOf(entry: Omit<PriceEntry, 'tiers' | 'source' | 'as_of'>): Rates | undefined {
  const input = optional(entry.input_usd_per_million);
  const output = optional(entry.output_usd_per_million);
  if (input === undefined || output === undefined) return undefined;
  return {
    input,
    output,
    cachedInput: optional(entry.cached_input_usd_per_million),
    cacheWrite: optional(entry.cache_write_usd_per_million),
    cacheWrite1h: optional(entry.cache_write_1h_usd_per_million),
    audioInput: optional(entry.audio_input_usd_per_million),
  };
}

const optional = (usd: number | undefined): bigint | undefined => (usd === undefined ? undefined : amount(usd));
