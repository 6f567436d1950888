import { create } from '@bufbuild/protobuf';
import { type Cost, CostSchema, CostStatus, type Usage } from '#gen/antiphon/v1/completion_pb.js';
import type { Billing } from '../core/billing.ts';
import type { Price, Rates } from './rates.ts';

/**
 * What a call cost, in whole thousand-millionths of a US dollar. Nothing is counted in floating point: input and output
 * are each rounded once, half up, and the total is their sum. Usage that is an estimate is priced as it stands.
 *
 * - What the provider reports wins (`REPORTED`). It is a total, and may hold more than tokens, so it is not divided:
 *   input and output stay unset.
 * - Above the line of a tier the whole request has the rates of that tier.
 * - Tokens for which there is no rate of their own cost as others do: reading from the cache and audio as input, writing
 *   to it as input, and for an hour as for any time.
 * - `UNPRICED`, without amounts: there is no price, or none for this class of service, or it would be more than an
 *   int64 holds. A price of 0 is a price.
 */
export function priceOf(usage: Usage, billing: Billing, price: Price | undefined): Cost {
  const { reportedNanoUsd } = billing;
  if (reportedNanoUsd !== undefined)
    return create(CostSchema, { status: CostStatus.REPORTED, totalNanoUsd: reportedNanoUsd, priceSource: 'provider' });
  const percent = price && percentOf(billing.serviceTier, price);
  if (!price || percent === undefined) return unpriced();
  const rates = ratesFor(usage.inputTokens, price);
  const inputNanoUsd = rounded(inputAmount(usage, billing, rates) * percent);
  const outputNanoUsd = rounded(usage.outputTokens * rates.output * percent);
  const totalNanoUsd = inputNanoUsd + outputNanoUsd;
  if (totalNanoUsd > LARGEST) return unpriced();
  const from = { priceSource: price.source, priceVersion: price.asOf };
  return create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd, inputNanoUsd, outputNanoUsd, ...from });
}

const unpriced = () => create(CostSchema, { status: CostStatus.UNPRICED });

const LARGEST = 2n ** 63n - 1n;

/** How providers call the class of service that nothing is added to or taken off. */
const ORDINARY = new Set(['', 'default', 'standard', 'standard_only', 'auto', 'on_demand']);

/** Undefined: what this class of service costs is not known. */
function percentOf(serviceTier: string | undefined, { servicePercent }: Price): bigint | undefined {
  const name = (serviceTier ?? '').toLowerCase();
  if (Object.hasOwn(servicePercent, name)) return servicePercent[name];
  return ORDINARY.has(name) ? 100n : undefined;
}

const ratesFor = (inputTokens: bigint, price: Price): Rates =>
  price.tiers.findLast(({ aboveInputTokens }) => inputTokens > BigInt(aboveInputTokens)) ?? price;

/** What an answer saved and cost by the provider's prompt cache, in thousand-millionths of a US dollar. */
export interface PromptCacheEffect {
  /** What input that was read from it would have cost more. */
  readonly savedNanoUsd: bigint;
  /** What input that was written to it would have cost less. */
  readonly surchargeNanoUsd: bigint;
}

/** Against the price of plain input, each rounded once, half up. Undefined: the price is not known. */
export function promptCacheEffect(
  usage: Usage,
  billing: Billing,
  price: Price | undefined,
): PromptCacheEffect | undefined {
  const percent = price && percentOf(billing.serviceTier, price);
  if (!price || percent === undefined) return undefined;
  const {
    input,
    cachedInput = input,
    cacheWrite = input,
    cacheWrite1h = cacheWrite,
  } = ratesFor(usage.inputTokens, price);
  const { cached, written, hourly } = cacheTokens(usage, billing);
  const surcharge = (written - hourly) * (cacheWrite - input) + hourly * (cacheWrite1h - input);
  return {
    savedNanoUsd: rounded(most(cached * (input - cachedInput), 0n) * percent),
    surchargeNanoUsd: rounded(most(surcharge, 0n) * percent),
  };
}

/** Whether keeping a prompt costs less than it saves if it is read but once. False if the price is not known. */
export const isKeepingCheaper = (price: Price | undefined): boolean => {
  if (price?.cachedInput === undefined) return false;
  const { input, cachedInput, cacheWrite = input } = price;
  return cachedInput < input && cacheWrite - input < input - cachedInput;
};

/** Before it is divided by a million. Parts that a provider counts twice, or that are more than the whole, are cut. */
function inputAmount(usage: Usage, billing: Billing, rates: Rates): bigint {
  const { input, cachedInput = input, cacheWrite = input, cacheWrite1h = cacheWrite, audioInput = input } = rates;
  const { cached, written, hourly } = cacheTokens(usage, billing);
  const audio = least(billing.audioInputTokens ?? 0n, usage.inputTokens - cached - written);
  const plain = usage.inputTokens - cached - written - audio;
  return (
    plain * input + cached * cachedInput + (written - hourly) * cacheWrite + hourly * cacheWrite1h + audio * audioInput
  );
}

/** `hourly` is a part of `written`. */
function cacheTokens(usage: Usage, billing: Billing) {
  const cached = least(usage.cachedInputTokens, usage.inputTokens);
  const written = least(usage.cacheWriteTokens, usage.inputTokens - cached);
  return { cached, written, hourly: least(billing.cacheWrite1hTokens ?? 0n, written) };
}

const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** A million tokens, a hundred per cent. */
const DIVISOR = 100_000_000n;

const rounded = (amount: bigint): bigint => (amount + DIVISOR / 2n) / DIVISOR;
