/** What a price depends on besides the usage. What is undefined is not known, and taken for the ordinary case. */
export interface Billing {
  /** What the provider says the answer cost, in thousand-millionths of a US dollar. It wins over any table. */
  readonly reportedNanoUsd?: bigint;
  /** Of the tokens written to the prompt cache, those kept for an hour. */
  readonly cacheWrite1hTokens?: bigint;
  /** Of the input tokens, those of audio; none of them cached. */
  readonly audioInputTokens?: bigint;
  /** The provider's word for the class of service that it gave, such as "flex", "priority" or "batch". */
  readonly serviceTier?: string;
}

/** Digits after the point of a dollar, in thousand-millionths. */
const DIGITS = 9;

/**
 * An amount of US dollars, written as decimal digits such as "0.075", in thousand-millionths. What has more than nine
 * digits after the point is cut off there.
 */
export function nanoUsdOf(usd: string): bigint {
  const [whole = '', fraction = ''] = usd.split('.');
  return BigInt(whole + fraction.slice(0, DIGITS).padEnd(DIGITS, '0'));
}

/** The same for a number. It is rounded to nine digits, so that 0.1 + 0.2 is 0.3. */
export const nanoUsdOfNumber = (usd: number): bigint => nanoUsdOf(usd.toFixed(DIGITS));

/** An amount of US dollars, as a JSON number, in thousand-millionths. Undefined: it is none. */
export const nanoUsd = (usd: unknown): bigint | undefined =>
  typeof usd === 'number' && usd >= 0 && usd < 1_000_000 ? nanoUsdOfNumber(usd) : undefined;
