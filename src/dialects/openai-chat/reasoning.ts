import type { CompleteRequest, Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, type Effort, nearestEffort } from '../grammar/efforts.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** The value of `reasoning_effort`, or undefined to leave it to the model. */
export function wireEffort(request: CompleteRequest, quirks: OpenAiChatQuirks, warnings: Warnings): Effort | undefined {
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
