import { type Reasoning, ReasoningEffort } from '#gen/antiphon/v1/completion_pb.js';

/** How much a model thinks, in the words that most wire formats share, least first. */
export const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

export type Effort = (typeof efforts)[number];

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

/** The word nearest to a budget in tokens. */
export const effortForBudget = (tokens: number): Effort => budgets.find(([most]) => tokens <= most)?.[1] ?? 'max';

/** The budget in tokens that a word stands for: 0 for "none", and 65,536 for "max". */
export const budgetForEffort = (effort: Effort): number =>
  effort === 'none' ? 0 : (budgets.find(([, word]) => word === effort)?.[0] ?? 65_536);

/** The word that is asked for, one for a budget included; undefined: nothing is asked for. */
export function askedEffort(reasoning: Reasoning | undefined): Effort | undefined {
  const amount = reasoning?.amount;
  if (amount?.case === 'budgetTokens') return effortForBudget(amount.value);
  return amount?.case === 'effort' ? words[amount.value] : undefined;
}

/** The known value nearest to the one asked for; of two as near, the one that thinks more. Undefined: none is known. */
export function nearestEffort(asked: Effort, known: readonly Effort[]): Effort | undefined {
  const rank = (effort: Effort) => efforts.indexOf(effort);
  const distance = (effort: Effort) => Math.abs(rank(effort) - rank(asked));
  return [...known].sort((a, b) => distance(a) - distance(b) || rank(b) - rank(a))[0];
}
