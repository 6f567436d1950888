import type { Part } from '#gen/antiphon/v1/completion_pb.js';

/** How a provider keeps the beginnings of prompts, so that they cost less when they come again. */
export interface PromptCaching {
  /** Undefined: it need not be told, or cannot be. */
  readonly marks: PromptMarks | undefined;
  /** It routes calls by `prompt_cache_key`. Undefined: it does not. */
  readonly key: { readonly minTokens: number } | undefined;
}

/** It keeps what it is told to, up to a part that is marked. */
export interface PromptMarks {
  /** What is shorter is not kept, nor paid for. */
  readonly minTokens: number;
  /** How long it is kept if nothing else is said. Reading it begins that time anew. */
  readonly ttlMs: number;
  /** Those that may be marked. */
  readonly parts: ReadonlySet<Part['part']['case']>;
}

/** Keeps what it likes, of 1,024 tokens or more, and finds it by the key. */
export const routedByKey: PromptCaching = { marks: undefined, key: { minTokens: 1024 } };
