import type { JsonObject } from '@bufbuild/protobuf';
import type { Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, budgetForEffort, type Effort } from '../grammar/efforts.ts';
import { sentEffort } from '../grammar/sent-effort.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { Thinking } from './quirks.ts';

type ByBudget = Extract<Thinking, { by: 'budget' }>;
type ByLevel = Extract<Thinking, { by: 'level' }>;

/** The field `thinkingConfig`, or nothing to leave it to the model. Who asks for reasoning gets it to read. */
export function wireThinking(
  reasoning: Reasoning | undefined,
  thinking: Thinking | undefined,
  warnings: Warnings,
): JsonObject {
  const asked = askedEffort(reasoning);
  if (!reasoning || !asked) return {};
  if (!thinking) {
    if (asked !== 'none')
      warnings.add(
        dropped('reasoning', 'The reasoning was not asked for: the model cannot be told how much to think.'),
      );
    return {};
  }
  const amount =
    thinking.by === 'budget' ? budget(reasoning, asked, thinking, warnings) : level(reasoning, thinking, warnings);
  return { thinkingConfig: { ...(asked === 'none' ? {} : { includeThoughts: true }), ...amount } };
}

function budget(
  { amount }: Reasoning,
  asked: Effort,
  { least, most, canBeOff }: ByBudget,
  warnings: Warnings,
): JsonObject {
  const inTokens = amount.case === 'budgetTokens';
  const wanted = inTokens ? amount.value : budgetForEffort(asked);
  const sent = wanted === 0 && canBeOff ? 0 : Math.min(Math.max(wanted, least), most);
  const takes = `the model takes a budget from ${least} to ${most} tokens`;
  if (!inTokens && sent > 0)
    warnings.add(
      adjusted('reasoning.effort', `The reasoning effort was sent as a budget of ${sent} tokens: ${takes}.`),
    );
  else if (sent !== wanted)
    warnings.add(adjusted('reasoning.budget_tokens', `The budget was sent as ${sent} tokens: ${takes}.`));
  return { thinkingBudget: sent };
}

function level(reasoning: Reasoning, { levels }: ByLevel, warnings: Warnings): JsonObject {
  const sent = sentEffort(reasoning, levels, warnings);
  return sent ? { thinkingLevel: sent.toUpperCase() } : {};
}
