import type { JsonObject } from '@bufbuild/protobuf';
import type { Message } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import { conversation, type Turn } from '../grammar/conversation.ts';
import { modelParts, type Setting } from './assistant.ts';
import { type Content, joined } from './contents.ts';
import { pausedAnswer } from './continuation.ts';
import { instructionPart, textPart, userPart } from './parts.ts';
import { resultContents } from './tool-results.ts';

/**
 * The fields about the conversation, repaired as `conversation` says. Instructions go where the provider takes them:
 * those at the beginning into `systemInstruction`, later ones into user text, with a warning. `instruction` is one
 * more, for the end of those at the beginning. Errors: `invalid_request`, `model_lacks_ability`.
 */
export function wireConversation(
  messages: readonly Message[],
  instruction: string | undefined,
  setting: Setting,
): JsonObject {
  const { turns, continuationToken } = pausedAnswer(conversation(messages, setting.warnings), setting.target);
  const begin = turns.findIndex((turn) => !isInstructions(turn));
  const leading = (begin === -1 ? turns : turns.slice(0, begin)).filter(isInstructions);
  const instructions = [
    ...leading.flatMap(({ parts }) => parts.map(instructionPart)),
    ...(instruction === undefined ? [] : [textPart(instruction)]),
  ];
  const asUser = begin === -1 || !setting.quirks.systemInstruction;
  if (asUser) for (const { path } of leading) setting.warnings.add(adjusted(path, NOT_AS_SUCH));
  const contents = [
    ...(asUser && instructions.length > 0 ? [{ role: 'user', parts: instructions } as const] : []),
    ...turns.slice(leading.length).flatMap((turn) => wireTurn(turn, setting)),
  ];
  return {
    contents: joined(contents),
    ...(asUser || instructions.length === 0 ? {} : { systemInstruction: { parts: instructions } }),
    ...(continuationToken === '' ? {} : { continuationToken }),
  };
}

const NOT_AS_SUCH =
  'Instructions were sent as user text: the model takes no others, or none without anything that follows.';
const ONLY_FIRST = 'Instructions were sent as user text: the provider takes others only before everything else.';

const isInstructions = (turn: Turn): turn is Extract<Turn, { kind: 'instructions' }> => turn.kind === 'instructions';

function wireTurn(turn: Turn, setting: Setting): Content[] {
  switch (turn.kind) {
    case 'instructions':
      setting.warnings.add(adjusted(turn.path, ONLY_FIRST));
      return [{ role: 'user', parts: turn.parts.map(instructionPart) }];
    case 'user':
      return [{ role: 'user', parts: turn.parts.map(userPart) }];
    case 'assistant': {
      const parts = modelParts(turn.parts, setting);
      return parts.length > 0 ? [{ role: 'model', parts }] : [];
    }
    case 'results':
      return resultContents(turn.results, setting);
  }
}
