import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, budgetForEffort, type Effort, nearestEffort } from '../grammar/efforts.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { AnthropicMessagesQuirks } from './quirks.ts';

/** How much the model is to think, and how much it may write. */
export interface Thinking {
  /** The field `thinking`; undefined: left to the model. */
  readonly thinking: JsonObject | undefined;
  /** The value of `output_config.effort`; undefined: left to the model. */
  readonly effort: Effort | undefined;
  readonly maxTokens: number;
}

export const thinks = (thinking: Thinking['thinking']): boolean =>
  thinking?.type === 'enabled' || thinking?.type === 'adaptive';

/** The least budget. Source: the npm package @anthropic-ai/sdk 1.11.0, ThinkingConfigEnabled (2026-11-21). */
const LEAST_BUDGET = 1024;

export function wireThinking(request: CompleteRequest, quirks: AnthropicMessagesQuirks, warnings: Warnings): Thinking {
  const maxTokens = wireMaxTokens(request.maxTokens, quirks, warnings);
  const asked = askedEffort(request.reasoning);
  const amount = request.reasoning?.amount;
  if (!asked) return { thinking: undefined, effort: undefined, maxTokens };
  if (asked === 'none') return { ...withoutThinking(quirks, warnings), maxTokens };
  if (amount?.case === 'budgetTokens' && quirks.budget) return withBudget(amount.value, maxTokens, quirks, warnings);
  const effort = nearestEffort(asked, quirks.efforts);
  if (effort) {
    if (amount?.case === 'budgetTokens') warnings.add(asEffort(effort));
    else if (effort !== asked) warnings.add(otherEffort(effort, asked));
    return { thinking: { type: 'adaptive' }, effort, maxTokens };
  }
  if (quirks.budget) return withEffortAsBudget(asked, maxTokens, quirks, warnings);
  warnings.add(dropped('reasoning', 'The reasoning effort was not sent: the model does not think.'));
  return { thinking: undefined, effort: undefined, maxTokens };
}

/** The wire wants it always. */
function wireMaxTokens(asked: number | undefined, quirks: AnthropicMessagesQuirks, warnings: Warnings): number {
  const { defaultMaxTokens, mostTokens = Number.MAX_SAFE_INTEGER } = quirks;
  if (asked === undefined) return defaultMaxTokens;
  if (asked > mostTokens)
    warnings.add(adjusted('max_tokens', `max_tokens was sent as ${mostTokens}: the model writes no more.`));
  return Math.min(asked, mostTokens);
}

function withoutThinking(
  { withoutThinking: nearest, budget, efforts }: AnthropicMessagesQuirks,
  warnings: Warnings,
): Omit<Thinking, 'maxTokens'> {
  if (!budget && efforts.length === 0) return { thinking: undefined, effort: undefined };
  if (nearest === 'disabled') return { thinking: { type: 'disabled' }, effort: undefined };
  if (nearest === 'between_tools') {
    const message = 'The model was told to think only between tool calls: it cannot be kept from that.';
    warnings.add(adjusted('reasoning.effort', message));
    return { thinking: { type: 'between_tools' }, effort: undefined };
  }
  const effort = nearestEffort('none', efforts);
  if (effort) warnings.add(otherEffort(effort, 'none'));
  return { thinking: { type: 'adaptive' }, effort };
}

/** A budget has to be less than `max_tokens`, which is raised for it if the model can write that much. */
function withBudget(
  asked: number,
  maxTokens: number,
  { mostTokens = Number.MAX_SAFE_INTEGER }: AnthropicMessagesQuirks,
  warnings: Warnings,
): Thinking {
  const budget = Math.min(Math.max(asked, LEAST_BUDGET), mostTokens - 1);
  if (budget !== asked)
    warnings.add(adjusted('reasoning.budget_tokens', `The budget was sent as ${budget}: the model takes no other.`));
  return enabled(budget, maxTokens, mostTokens, warnings);
}

/** What a word stands for is ours to say: it leaves half of what the model may write for the answer. */
function withEffortAsBudget(
  asked: Effort,
  maxTokens: number,
  { mostTokens = Number.MAX_SAFE_INTEGER }: AnthropicMessagesQuirks,
  warnings: Warnings,
): Thinking {
  const budget = Math.max(Math.min(budgetForEffort(asked), Math.floor(maxTokens / 2)), LEAST_BUDGET);
  const message = `The reasoning effort was sent as a budget of ${budget} tokens: the model takes no effort.`;
  warnings.add(adjusted('reasoning.effort', message));
  return enabled(budget, maxTokens, mostTokens, warnings);
}

function enabled(budget: number, maxTokens: number, mostTokens: number, warnings: Warnings): Thinking {
  const raised = maxTokens > budget ? maxTokens : Math.min(budget + maxTokens, mostTokens);
  if (raised !== maxTokens)
    warnings.add(adjusted('max_tokens', `max_tokens was sent as ${raised}: it has to exceed the reasoning budget.`));
  return { thinking: { type: 'enabled', budget_tokens: budget }, effort: undefined, maxTokens: raised };
}

const asEffort = (effort: Effort) =>
  adjusted(
    'reasoning.budget_tokens',
    `The budget was sent as the reasoning effort "${effort}": the model takes no budget.`,
  );

const otherEffort = (effort: Effort, asked: Effort) =>
  adjusted('reasoning.effort', `The reasoning effort was sent as "${effort}": the model does not know "${asked}".`);
