import type { Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, type Effort, nearestEffort } from './efforts.ts';
import type { Warnings } from './warnings.ts';

/**
 * The effort to send for what is asked: the nearest that is known. A warning says if it is another one, stands for a
 * budget, or cannot be sent since none is known. Undefined: nothing is to be sent.
 */
export function sentEffort(
  reasoning: Reasoning | undefined,
  known: readonly Effort[],
  warnings: Warnings,
): Effort | undefined {
  const asked = askedEffort(reasoning);
  if (!asked) return undefined;
  const sent = nearestEffort(asked, known);
  if (!sent) warnings.add(dropped('reasoning', 'The reasoning effort was not sent: the model does not take one.'));
  else if (reasoning?.amount.case === 'budgetTokens') warnings.add(budgetSentAs(sent));
  else if (sent !== asked) warnings.add(effortSentAs(sent, asked));
  return sent;
}

const budgetSentAs = (sent: Effort) =>
  adjusted(
    'reasoning.budget_tokens',
    `The budget was sent as the reasoning effort "${sent}": the model takes no budget.`,
  );

const effortSentAs = (sent: Effort, asked: Effort) =>
  adjusted('reasoning.effort', `The reasoning effort was sent as "${sent}": the model does not know "${asked}".`);
