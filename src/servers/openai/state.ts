import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Message, MessageSchema, type Part } from '#gen/antiphon/v1/completion_pb.js';
import type { Fields } from './fields.ts';

/** What a message of an answer says in `antiphon`, besides OpenAI's fields. */
export interface MessageState {
  /** The content with what its provider needs to see again, such as signatures of reasoning: a Message, in base64. */
  readonly state: string;
}

/** Undefined: OpenAI's fields say it all. */
export function stateOf(content: readonly Part[]): MessageState | undefined {
  if (!content.some(({ providerState }) => providerState !== undefined)) return undefined;
  const message = create(MessageSchema, { content: [...content] });
  return { state: Buffer.from(toBinary(MessageSchema, message)).toString('base64') };
}

/** The content of a message that comes back as it was given. Undefined: it has no state, and OpenAI's fields count. */
export function statefulParts(value: unknown, path: string, fields: Fields): Part[] | undefined {
  const state = fields.text(fields.object(value, path)?.state, `${path}.state`);
  if (state === undefined) return undefined;
  const message = decoded(state);
  if (!message) fields.found.add(`${path}.state`, 'must come back as it was given');
  return message?.content ?? [];
}

function decoded(state: string): Message | undefined {
  try {
    return fromBinary(MessageSchema, new Uint8Array(Buffer.from(state, 'base64')));
  } catch {
    return undefined;
  }
}
