import type { Effort } from '../grammar/efforts.ts';

/** How a model is told how much to think. */
export type Thinking =
  /** By `thinkingBudget`, in tokens. */
  | { readonly by: 'budget'; readonly least: number; readonly most: number; readonly canBeOff: boolean }
  /** By `thinkingLevel`; it cannot be turned off. */
  | { readonly by: 'level'; readonly levels: readonly Effort[] };

/** What differs between the models that speak `generateContent`. */
export interface GeminiQuirks {
  /** Undefined: it does not think, or cannot be told. */
  readonly thinking: Thinking | undefined;
  /** Takes `systemInstruction`. */
  readonly systemInstruction: boolean;
  /** When `responseMimeType` application/json and `responseJsonSchema` are taken. */
  readonly json: 'always' | 'without_tools' | 'never';
  /** Refuses an earlier answer whose first function call has no thought signature. */
  readonly signedCalls: boolean;
  /** Takes images and documents inside of a function's response. */
  readonly resultMedia: boolean;
}
