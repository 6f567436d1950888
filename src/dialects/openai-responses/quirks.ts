import type { Effort } from '../grammar/efforts.ts';
import type { Sampling } from '../grammar/sampling.ts';

/** What differs between the models of the Responses API. */
export interface OpenAiResponsesQuirks {
  /** The role that instructions are sent under. */
  readonly instructions: 'system' | 'developer';
  /** Reasons, and gives what it thought sealed, to be sent back. */
  readonly reasons: boolean;
  /** The values of `reasoning.effort` that are taken. Empty: it does not take the field. */
  readonly efforts: readonly Effort[];
  /** When `temperature` and `top_p` are taken. */
  readonly sampling: Sampling;
  /** Takes `prompt_cache_breakpoint` on parts of content. */
  readonly cacheBreakpoints: boolean;
}
