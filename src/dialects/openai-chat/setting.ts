import type { JsonObject } from '@bufbuild/protobuf';
import type { Target } from '../../core/target.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** What the wire's form of a conversation depends on, besides the conversation. */
export interface Setting {
  readonly target: Target;
  readonly quirks: OpenAiChatQuirks;
  readonly warnings: Warnings;
  /** A tool call's id as the wire takes it. */
  readonly wireId: (id: string) => string;
  /** The field that marks a part for the prompt cache, for those that have one, by their paths. */
  readonly cacheMarks: ReadonlyMap<string, JsonObject>;
}
