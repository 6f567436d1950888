import { type Message, Role } from '#gen/antiphon/v1/completion_pb.js';

export const isInstruction = ({ role }: Message): boolean => role === Role.SYSTEM || role === Role.DEVELOPER;

/**
 * Where a conversation may begin anew: all but the instructions may be left out before these messages, which are in order.
 * Each is a user's, since providers take no other at the beginning. None stands between a tool call and its result.
 * Nothing is left out from the last of the user's on: a model that does not see what its tools have given calls them again.
 */
export function cutsOf(messages: readonly Message[]): number[] {
  const last = messages.findLastIndex(({ role }) => role === Role.USER);
  const first = messages.findIndex((message) => !isInstruction(message));
  const resultsOf = lastResults(messages);
  const cuts: number[] = [];
  let heldUntil = -1;
  for (let i = first; i <= last; i++) {
    if (i > first && i > heldUntil && messages[i]?.role === Role.USER) cuts.push(i);
    heldUntil = Math.max(heldUntil, resultsOf.get(i) ?? -1);
  }
  return cuts;
}

/** Of each message with tool calls, where the last of their results is. */
function lastResults(messages: readonly Message[]): ReadonlyMap<number, number> {
  const callers = new Map<string, number>();
  const results = new Map<number, number>();
  for (const [i, { content }] of messages.entries())
    for (const { part } of content) {
      if (part.case === 'toolCall') callers.set(part.value.id, i);
      const caller = part.case === 'toolResult' ? callers.get(part.value.toolCallId) : undefined;
      if (caller !== undefined) results.set(caller, i);
    }
  return results;
}
