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

/** An amount of US dollars, as a JSON number, in thousand-millionths. Undefined: it is none. */
export const nanoUsd = (usd: unknown): bigint | undefined =>
  typeof usd === 'number' && usd >= 0 && usd < 1_000_000 ? BigInt(Math.round(usd * 1_000_000_000)) : undefined;
