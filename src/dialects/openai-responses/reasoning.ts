import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { askedEffort, type Effort, nearestEffort } from '../grammar/efforts.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiResponsesQuirks } from './quirks.ts';

/**
 * `reasoning`, and what hangs on it: `temperature` and `top_p`. A summary of the reasoning is asked for where the
 * request says how much to think.
 */
export function wireThinking(request: CompleteRequest, quirks: OpenAiResponsesQuirks, warnings: Warnings): JsonObject {
  const effort = wireEffort(request.reasoning, quirks, warnings);
  return { ...(effort ? { reasoning: reasoning(effort) } : {}), ...sampling(request, effort, quirks, warnings) };
}

const reasoning = (effort: Effort): JsonObject => (effort === 'none' ? { effort } : { effort, summary: 'auto' });

function wireEffort(
  given: Reasoning | undefined,
  { efforts }: OpenAiResponsesQuirks,
  warnings: Warnings,
): Effort | undefined {
  const asked = askedEffort(given);
  if (!asked) return undefined;
  const sent = nearestEffort(asked, efforts);
  if (!sent) warnings.add(dropped('reasoning', 'The reasoning effort was not sent: the model does not take one.'));
  else if (given?.amount.case === 'budgetTokens') warnings.add(budgetSentAs(sent));
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

function sampling(
  { temperature, topP }: CompleteRequest,
  effort: Effort | undefined,
  quirks: OpenAiResponsesQuirks,
  warnings: Warnings,
): JsonObject {
  const taken = quirks.sampling === 'always' || (quirks.sampling === 'effort_none' && effort === 'none');
  const when = quirks.sampling === 'never' ? 'does not take' : 'takes only with the reasoning effort "none"';
  const body: JsonObject = {};
  for (const [field, value] of Object.entries({ temperature, top_p: topP })) {
    if (value === undefined) continue;
    if (taken) body[field] = value;
    else warnings.add(dropped(field, `${field} was not sent: the model ${when} it.`));
  }
  return body;
}
