import type { JsonObject } from '@bufbuild/protobuf';
import type { Message, ToolCall } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { argumentsObject } from '../grammar/arguments-object.ts';
import { conversation, type Turn } from '../grammar/conversation.ts';
import { invalid } from '../grammar/invalid.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { STATE_NOT_SENT } from '../grammar/provider-state.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { textOf } from './text.ts';
import { resultMessage } from './tool-results.ts';

/**
 * The conversation in the wire's words: a message has a text, tool calls or tool results, and nothing besides. Errors:
 * `invalid_request`; `model_lacks_ability` for anything but text.
 */
export const wireMessages = (messages: readonly Message[], warnings: Warnings): JsonObject[] =>
  conversation(messages, warnings).flatMap((turn, i, turns) => wireTurn(turn, turns[i - 1], warnings));

function wireTurn(turn: Turn, before: Turn | undefined, warnings: Warnings): JsonObject[] {
  switch (turn.kind) {
    case 'instructions':
      return [{ role: 'system', text: textOf(turn.parts) }];
    case 'user':
      return [{ role: 'user', text: textOf(turn.parts) }];
    case 'assistant':
      return assistantMessages(turn.parts, warnings);
    case 'results':
      return [resultMessage(turn.results, callsOf(before), warnings)];
  }
}

/** The ids of the calls of a turn. */
const callsOf = (turn: Turn | undefined): string[] =>
  turn?.kind === 'assistant' ? turn.parts.flatMap(({ part }) => (part.case === 'toolCall' ? [part.value.id] : [])) : [];

function assistantMessages(parts: readonly PlacedPart[], warnings: Warnings): JsonObject[] {
  const texts: string[] = [];
  const toolCalls: JsonObject[] = [];
  for (const { part, whole, path } of parts) {
    if (part.case === 'reasoning') {
      warnings.add(dropped(path, 'Earlier reasoning was not sent: the model does not take it back.'));
      continue;
    }
    if (whole.providerState) warnings.add(dropped(`${path}.provider_state`, STATE_NOT_SENT));
    if (part.case === 'toolCall') toolCalls.push(wireCall(part.value, path, warnings));
    else if (part.case === 'text' || part.case === 'refusal') texts.push(part.value.toWellFormed());
    else throw invalid(path, 'is not a part that an assistant message may have');
    if (part.case === 'refusal')
      warnings.add(adjusted(path, 'A refusal was sent as text: the provider knows no other form.'));
  }
  return [
    ...(texts.length > 0 ? [{ role: 'assistant', text: texts.join('\n') }] : []),
    ...(toolCalls.length > 0 ? [{ role: 'assistant', toolCallList: { toolCalls } }] : []),
  ];
}

/** The wire has no id. */
const wireCall = ({ name, arguments: text }: ToolCall, path: string, warnings: Warnings): JsonObject => ({
  functionCall: { name: name.toWellFormed(), arguments: argumentsObject(text, path, warnings) },
});
