import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, type Effort, nearestEffort } from '../grammar/efforts.ts';
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
  const asked = request.reasoning ? knownEffort(request.reasoning, quirks, warnings) : undefined;
  if (!quirks.toolsWithoutReasoning || request.tools.length === 0 || asked === 'none') return asked;
  warnings.add(
    adjusted('reasoning', 'The reasoning effort was sent as "none": with tools, chat completions take no other.'),
  );
  return 'none';
}

function knownEffort(reasoning: Reasoning, quirks: OpenAiChatQuirks, warnings: Warnings): Effort | undefined {
  const asked = askedEffort(reasoning);
  if (!asked) return undefined;
  const sent = nearestEffort(asked, quirks.efforts);
  if (!sent) warnings.add(dropped('reasoning', 'The reasoning effort was not sent: the model does not take one.'));
  else if (reasoning.amount.case === 'budgetTokens')
    warnings.add(
      adjusted(
        'reasoning.budget_tokens',
        `The budget was sent as the reasoning effort "${sent}": the model takes no budget.`,
      ),
    );
  else if (sent !== asked)
    warnings.add(
      adjusted('reasoning.effort', `The reasoning effort was sent as "${sent}": the model does not know "${asked}".`),
    );
  return sent;
}
