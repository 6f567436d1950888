import { type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { thinkingBlock } from './provider-state.ts';

/**
 * Whether the last answer called tools, and what is sent of it does not begin with the model's own thinking: another
 * model gave it, or it did not think then. Such an answer is refused where the model is to think with a budget.
 *
 * Source: the API's own words in https://github.com/OpenRouterTeam/ai-sdk-provider/issues/162 (2026-11-21).
 */
export function callsAreUnsigned(messages: readonly Message[], target: Target): boolean {
  const content = messages.findLast(({ role }) => role === Role.ASSISTANT)?.content ?? [];
  if (!content.some(({ part }) => part.case === 'toolCall')) return false;
  const first = content.find(
    ({ part, providerState }) => part.case !== 'reasoning' || thinkingBlock(part.value.text, providerState, target),
  );
  return first?.part.case !== 'reasoning';
}
