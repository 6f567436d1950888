export interface ThriftSettings {
  /** By how much a count of tokens that is an estimate is taken for more, in per cent. */
  readonly marginPercent: number;
  /** Room for the answer, in tokens, where the request sets no bound, or one that may be lowered. */
  readonly answerTokens: number;
  /** The most beginnings of prompts that are remembered for each provider. */
  readonly maxPrefixes: number;
  /** Makes the keys that providers are given. Undefined: one that lasts as long as the process. */
  readonly secret: string | undefined;
}

export const defaultThrift: ThriftSettings = {
  marginPercent: 10,
  answerTokens: 1024,
  maxPrefixes: 10_000,
  secret: undefined,
};
