import { ModelLifecycle } from '#gen/antiphon/v1/model_pb.js';
import { nanoUsdOfNumber } from '../core/billing.ts';
import type { ListedModel } from '../core/listed-model.ts';
import type { Amendments } from './amended.ts';
import type { ModelOverride } from './override.ts';
import type { Price } from './rates.ts';

/** Where a listing was read, and on which day (YYYY-MM-DD). */
export interface ListingSource {
  readonly source: string;
  readonly asOf: string;
}

/** So many models of a listing are looked at. */
export const MAX_LISTED = 10_000;

/** What a caller can name, and a terminal can show. */
const ID = /^[^\p{C}\p{Z}]{1,256}$/u;

/** What a listing adds to the catalogue. What makes no sense in it is left out, and so is all beyond 10,000 models. */
export const fromListing = (listed: readonly ListedModel[], source: ListingSource): Amendments =>
  new Map(
    listed
      .slice(0, MAX_LISTED)
      .filter(({ id }) => ID.test(id))
      .map((model) => [model.id, { ...limitsOf(model), ...lifeOf(model), ...priceOf(model, source) }]),
  );

function limitsOf({ contextWindowTokens, maxInputTokens, maxOutputTokens }: ListedModel): ModelOverride {
  return {
    ...(isCount(contextWindowTokens) && { contextWindowTokens }),
    ...(isCount(maxInputTokens) && { maxInputTokens }),
    ...(isCount(maxOutputTokens) && { maxOutputTokens }),
  };
}

/** The contract has 32 bits for it. */
const isCount = (count: number | undefined): count is number =>
  count !== undefined && Number.isInteger(count) && count > 0 && count < 2 ** 32;

const DAY = /^\d{4}-\d{2}-\d{2}$/;

const lifeOf = ({ retirementDate = '' }: ListedModel): ModelOverride =>
  DAY.test(retirementDate) ? { lifecycle: ModelLifecycle.DEPRECATED, retirementDate } : {};

function priceOf({ price }: ListedModel, { source, asOf }: ListingSource): ModelOverride {
  if (!price || !isAmount(price.input) || !isAmount(price.output)) return {};
  const rate = (usd: number | undefined) => (isAmount(usd) ? nanoUsdOfNumber(usd) : undefined);
  const found: Price = {
    input: nanoUsdOfNumber(price.input),
    output: nanoUsdOfNumber(price.output),
    cachedInput: rate(price.cachedInput),
    cacheWrite: rate(price.cacheWrite),
    cacheWrite1h: undefined,
    audioInput: undefined,
    tiers: [],
    servicePercent: {},
    source,
    asOf,
  };
  return { price: found };
}

/** Some listings say -1 for a price that depends. */
const isAmount = (usd: number | undefined): usd is number => usd !== undefined && usd >= 0 && usd <= 1_000_000;
