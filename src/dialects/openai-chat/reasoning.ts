import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import type { Effort } from '../grammar/efforts.ts';
import { sentEffort } from '../grammar/sent-effort.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** How much the model is to think. */
export interface WireReasoning {
  /** The field for it; none leaves it to the model. */
  readonly field: JsonObject;
  /** Undefined: it is left to the model, or told as a budget. */
  readonly effort: Effort | undefined;
}

/** The field `reasoning_effort`, or `reasoning` where that is taken. */
export function wireReasoning(request: CompleteRequest, quirks: OpenAiChatQuirks, warnings: Warnings): WireReasoning {
  const asObject = quirks.reasoningField === 'reasoning';
  const amount = request.reasoning?.amount;
  if (asObject && amount?.case === 'budgetTokens')
    return { field: { reasoning: { max_tokens: amount.value } }, effort: undefined };
  const effort = wireEffort(request, quirks, warnings);
  if (!effort) return { field: {}, effort };
  return { field: asObject ? { reasoning: { effort } } : { reasoning_effort: effort }, effort };
}

function wireEffort(request: CompleteRequest, quirks: OpenAiChatQuirks, warnings: Warnings): Effort | undefined {
  const asked = sentEffort(request.reasoning, quirks.efforts, warnings);
  if (!quirks.toolsWithoutReasoning || request.tools.length === 0 || asked === 'none') return asked;
  warnings.add(
    adjusted('reasoning', 'The reasoning effort was sent as "none": with tools, chat completions take no other.'),
  );
  return 'none';
}
