import { type CompleteRequest, ReasoningEffort } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { type Effort, efforts, type OpenAiChatQuirks } from './quirks.ts';
import type { Warnings } from './warnings.ts';

const words: Partial<Record<ReasoningEffort, Effort>> = {
  [ReasoningEffort.NONE]: 'none',
  [ReasoningEffort.MINIMAL]: 'minimal',
  [ReasoningEffort.LOW]: 'low',
  [ReasoningEffort.MEDIUM]: 'medium',
  [ReasoningEffort.HIGH]: 'high',
  [ReasoningEffort.XHIGH]: 'xhigh',
  [ReasoningEffort.MAX]: 'max',
};

/** The most tokens of a budget that each word stands for. Our own scale: providers publish none. */
const budgets: readonly (readonly [number, Effort])[] = [
  [1_024, 'minimal'],
  [4_096, 'low'],
  [8_192, 'medium'],
  [16_384, 'high'],
  [32_768, 'xhigh'],
];

const effortForBudget = (tokens: number): Effort => budgets.find(([most]) => tokens <= most)?.[1] ?? 'max';

/** The known value nearest to the one asked for; of two as near, the one that thinks more. */
function nearest(asked: Effort, known: readonly Effort[]): Effort | undefined {
  const rank = (effort: Effort) => efforts.indexOf(effort);
  const distance = (effort: Effort) => Math.abs(rank(effort) - rank(asked));
  return [...known].sort((a, b) => distance(a) - distance(b) || rank(b) - rank(a))[0];
}

/** The value of `reasoning_effort`, or undefined to leave it to the model. */
export function wireEffort(request: CompleteRequest, quirks: OpenAiChatQuirks, warnings: Warnings): Effort | undefined {
  const asked = request.reasoning ? knownEffort(request.reasoning.amount, quirks, warnings) : undefined;
  if (!quirks.toolsWithoutReasoning || request.tools.length === 0 || asked === 'none') return asked;
  warnings.add(
    adjusted('reasoning', 'The reasoning effort was sent as "none": with tools, chat completions take no other.'),
  );
  return 'none';
}

function knownEffort(
  amount: NonNullable<CompleteRequest['reasoning']>['amount'],
  quirks: OpenAiChatQuirks,
  warnings: Warnings,
): Effort | undefined {
  const asked = amount.case === 'budgetTokens' ? effortForBudget(amount.value) : words[amount.value ?? 0];
  if (!asked) return undefined;
  const sent = nearest(asked, quirks.efforts);
  if (!sent) warnings.add(dropped('reasoning', 'The reasoning effort was not sent: the model does not take one.'));
  else if (amount.case === 'budgetTokens')
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
