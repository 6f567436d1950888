/** A model as a provider's own listing tells of it. What it does not tell is undefined. */
export interface ListedModel {
  readonly id: string;
  readonly contextWindowTokens?: number;
  readonly maxInputTokens?: number;
  readonly maxOutputTokens?: number;
  /** YYYY-MM-DD. */
  readonly retirementDate?: string;
  /** US dollars for a million tokens. */
  readonly price?: ListedPrice;
}

export interface ListedPrice {
  readonly input: number;
  readonly output: number;
  readonly cachedInput?: number;
  readonly cacheWrite?: number;
}
