import type { JsonObject } from '@bufbuild/protobuf';
import type { Message } from '#gen/antiphon/v1/completion_pb.js';
import { conversation, type Turn } from '../grammar/conversation.ts';
import { arrange, type Order, type WireMessage } from './arrange.ts';
import { assistantBlocks } from './assistant.ts';
import { instructionBlocks, userBlocks } from './content.ts';
import { resultBlocks } from './results.ts';
import type { Setting } from './setting.ts';

export interface WireConversation {
  /** The instructions at the beginning. */
  readonly system: JsonObject[];
  readonly messages: JsonObject[];
}

/**
 * The conversation in the wire's words, repaired as `conversation` and `arrange` say. Errors: `invalid_request`,
 * `model_lacks_ability`.
 */
export function wireConversation(messages: readonly Message[], order: Order, setting: Setting): WireConversation {
  const turns = conversation(messages, setting.warnings);
  const spoken = turns.findIndex(({ kind }) => kind !== 'instructions');
  const leading = spoken === -1 ? turns.length : spoken;
  const system = turns.slice(0, leading).flatMap((turn) => wireMessage(turn, setting).content);
  const rest = turns.slice(leading).map((turn) => wireMessage(turn, setting));
  return { system, messages: arrange(rest, order, setting.warnings) };
}

function wireMessage(turn: Turn, setting: Setting): WireMessage {
  switch (turn.kind) {
    case 'instructions':
      return { role: 'system', content: instructionBlocks(turn.parts, setting), path: turn.path };
    case 'user':
      return { role: 'user', content: userBlocks(turn.parts, setting), path: turn.path };
    case 'assistant':
      return { role: 'assistant', content: assistantBlocks(turn.parts, setting), path: turn.path };
    case 'results':
      return { role: 'user', content: resultBlocks(turn.results, setting), path: 'messages' };
  }
}
