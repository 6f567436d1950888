import { create } from '@bufbuild/protobuf';
import {
  type Model,
  type ModelPrice,
  ModelPriceSchema,
  type ModelPriceTier,
  ModelPriceTierSchema,
  ModelSchema,
} from '#gen/antiphon/v1/model_pb.js';
import type { Target } from '../core/target.ts';
import { lifecycleOn, type ModelFacts } from './facts.ts';
import type { Price, Rates, RateTier } from './rates.ts';

/** What is to be said of a model besides its facts. */
export interface LiveState {
  readonly allowed: boolean;
  /** Undefined: the provider's listing was not read. */
  readonly listed: boolean | undefined;
  /** YYYY-MM-DD. */
  readonly today: string;
}

/** A model in the contract's words. The state of its provider is left open. */
export function modelMessage({ provider, model: id }: Target, facts: ModelFacts | undefined, live: LiveState): Model {
  const { allowed, listed, today } = live;
  const message = create(ModelSchema, { id, provider, allowed });
  if (listed !== undefined) message.listed = listed;
  if (!facts) return message;
  const { contextWindowTokens, maxInputTokens, maxOutputTokens, price } = facts;
  message.tier = facts.tier ?? message.tier;
  message.abilities = [...facts.abilities];
  message.lifecycle = lifecycleOn(today, facts);
  message.retirementDate = facts.retirementDate;
  if (contextWindowTokens !== undefined) message.contextWindowTokens = contextWindowTokens;
  if (maxInputTokens !== undefined) message.maxInputTokens = maxInputTokens;
  if (maxOutputTokens !== undefined) message.maxOutputTokens = maxOutputTokens;
  if (price) message.price = priceMessage(price);
  return message;
}

const priceMessage = (price: Price): ModelPrice =>
  create(ModelPriceSchema, {
    ...ratesMessage(price),
    ...(price.cacheWrite1h !== undefined && { cacheWrite1hNanoUsdPerMillion: price.cacheWrite1h }),
    ...(price.audioInput !== undefined && { audioInputNanoUsdPerMillion: price.audioInput }),
    tiers: price.tiers.map(tierMessage),
    source: price.source,
    asOf: price.asOf,
  });

const tierMessage = (tier: RateTier): ModelPriceTier =>
  create(ModelPriceTierSchema, { aboveInputTokens: tier.aboveInputTokens, ...ratesMessage(tier) });

const ratesMessage = ({ input, output, cachedInput, cacheWrite }: Rates) => ({
  inputNanoUsdPerMillion: input,
  outputNanoUsdPerMillion: output,
  ...(cachedInput !== undefined && { cachedInputNanoUsdPerMillion: cachedInput }),
  ...(cacheWrite !== undefined && { cacheWriteNanoUsdPerMillion: cacheWrite }),
});
