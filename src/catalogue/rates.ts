import { nanoUsdOf } from '../core/billing.ts';

/** What a million tokens cost, in thousand-millionths of a US dollar. Undefined: there is no rate of its own. */
export interface Rates {
  readonly input: bigint;
  readonly output: bigint;
  /** Input that was read from the provider's prompt cache. */
  readonly cachedInput: bigint | undefined;
  /** Input that was written to the provider's prompt cache. */
  readonly cacheWrite: bigint | undefined;
  /** Input that was written to it for an hour. */
  readonly cacheWrite1h: bigint | undefined;
  readonly audioInput: bigint | undefined;
}

/** Rates for a whole request that has more than so many input tokens, cached or not. */
export interface RateTier extends Rates {
  readonly aboveInputTokens: number;
}

export interface Price extends Rates {
  /** Smallest first. */
  readonly tiers: readonly RateTier[];
  /** What a class of service costs, in per cent of the rates, by the provider's word for it in lower case. */
  readonly servicePercent: Readonly<Record<string, bigint>>;
  /** Where the price was read. */
  readonly source: string;
  /** The day on which it was read, as YYYY-MM-DD. Empty: not known. */
  readonly asOf: string;
}

type RateName = keyof Rates;

/** Rates from US dollars as decimal digits. */
export function usd(
  input: string,
  output: string,
  more: Readonly<Partial<Record<Exclude<RateName, 'input' | 'output'>, string>>> = {},
): Rates {
  const rate = (text: string | undefined) => (text === undefined ? undefined : nanoUsdOf(text));
  return {
    input: nanoUsdOf(input),
    output: nanoUsdOf(output),
    cachedInput: rate(more.cachedInput),
    cacheWrite: rate(more.cacheWrite),
    cacheWrite1h: rate(more.cacheWrite1h),
    audioInput: rate(more.audioInput),
  };
}
