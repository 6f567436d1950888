import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, budgetForEffort, type Effort } from '../grammar/efforts.ts';
import { sentEffort } from '../grammar/sent-effort.ts';
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

/** `unsigned`: the model is to go on after tool calls whose thinking is not there, which it does not with a budget. */
export function wireThinking(
  request: CompleteRequest,
  quirks: AnthropicMessagesQuirks,
  unsigned: boolean,
  warnings: Warnings,
): Thinking {
  const maxTokens = wireMaxTokens(request.maxTokens, quirks, warnings);
  const asked = askedEffort(request.reasoning);
  const amount = request.reasoning?.amount;
  if (!asked) return { thinking: undefined, effort: undefined, maxTokens };
  if (asked === 'none') return { ...withoutThinking(request.reasoning, quirks, warnings), maxTokens };
  if (unsigned && quirks.budget && quirks.efforts.length === 0) {
    warnings.add(dropped('reasoning', UNSIGNED));
    return { thinking: undefined, effort: undefined, maxTokens };
  }
  if (amount?.case === 'budgetTokens' && quirks.budget && !unsigned)
    return withBudget(amount.value, maxTokens, quirks, warnings);
  if (quirks.budget && quirks.efforts.length === 0) return withEffortAsBudget(asked, maxTokens, quirks, warnings);
  const effort = sentEffort(request.reasoning, quirks.efforts, warnings);
  return { thinking: effort ? { type: 'adaptive' } : undefined, effort, maxTokens };
}

const UNSIGNED =
  'The reasoning was not asked for: the model does not take it up again after tool calls that it did not think about.';

/** The wire wants it always. */
function wireMaxTokens(asked: number | undefined, quirks: AnthropicMessagesQuirks, warnings: Warnings): number {
  const { defaultMaxTokens, mostTokens = Number.MAX_SAFE_INTEGER } = quirks;
  if (asked === undefined) return defaultMaxTokens;
  if (asked > mostTokens)
    warnings.add(adjusted('max_tokens', `max_tokens was sent as ${mostTokens}: the model writes no more.`));
  return Math.min(asked, mostTokens);
}

function withoutThinking(
  reasoning: Reasoning | undefined,
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
  const effort = efforts.length > 0 ? sentEffort(reasoning, efforts, warnings) : undefined;
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
