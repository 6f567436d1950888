import {
  type CompleteRequest,
  type CompleteResponse,
  type Message,
  type Part,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Redact } from '../core/redact.ts';
import { contentParts, MAX_PARTS, omitted, toolDefinition } from './content-parts.ts';
import { Excerpts } from './excerpts.ts';
import { finishReasonName, type SpanAttributes } from './gen-ai.ts';

/** No attribute with content is longer, in characters. */
export const MAX_CONTENT_CHARACTERS = 16_384;

/** No text in it is longer. */
const MAX_TEXT = 4_096;

/**
 * What spans say of a conversation, for operators who want that: JSON in the form of the GenAI conventions, with secrets
 * masked, cut to size, and without media.
 * Source: https://github.com/open-telemetry/semantic-conventions-genai (2026-11-21).
 */
export interface ContentCapture {
  /** The instructions, the latest messages and the first tools: as much as there is room for. */
  request(request: Pick<CompleteRequest, 'messages' | 'tools'>): SpanAttributes;
  response(response: Pick<CompleteResponse, 'content' | 'finishReason'>): SpanAttributes;
}

export const contentCapture = (redact: Redact): ContentCapture => ({
  request({ messages, tools }) {
    const { instructions, dialogue } = divided(messages);
    const excerpts = new Excerpts(redact, MAX_TEXT);
    const told = fitting(instructions, (part) => contentParts([part], excerpts)[0]);
    const said = fitting(dialogue.toReversed(), (message) => inputMessage(message, redact)).toReversed();
    const offered = fitting(tools, (tool) => toolDefinition(tool, excerpts));
    const all = instructions.length + dialogue.length + tools.length;
    return {
      'gen_ai.system_instructions': listOf(told),
      'gen_ai.input.messages': listOf(said),
      'gen_ai.tool.definitions': listOf(offered),
      'antiphon.content.omitted': all - told.length - said.length - offered.length || undefined,
    };
  },
  response({ content, finishReason }) {
    const message = withParts({ role: 'assistant' }, content, redact);
    return {
      'gen_ai.output.messages': JSON.stringify([{ ...message, finish_reason: finishReasonName(finishReason) }]),
    };
  },
});

/** What the application says at the beginning is what the model is told to be; the rest is the conversation. */
function divided(messages: readonly Message[]): {
  readonly instructions: readonly Part[];
  readonly dialogue: readonly Message[];
} {
  const start = messages.findIndex(({ role }) => role !== Role.SYSTEM && role !== Role.DEVELOPER);
  const end = start < 0 ? messages.length : start;
  return { instructions: messages.slice(0, end).flatMap(({ content }) => content), dialogue: messages.slice(end) };
}

const roles: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: 'unknown',
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'developer',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
};

const inputMessage = ({ role, content }: Message, redact: Redact) => withParts({ role: roles[role] }, content, redact);

/** What JSON needs besides the texts may be as much again, and signs may need several characters. */
const ROOM_FOR_TEXTS = MAX_CONTENT_CHARACTERS / 4;

/** So that one message alone always fits, with all that stands around its pieces. */
const MAX_PIECES = MAX_CONTENT_CHARACTERS - 256;

/** The more pieces a message has, the shorter they are. If they are too long all the same, none is told. */
function withParts<T extends object>(message: T, content: readonly Part[], redact: Redact) {
  const pieces = Math.min(Math.max(content.length, 1), MAX_PARTS);
  const parts = contentParts(content, new Excerpts(redact, Math.floor(ROOM_FOR_TEXTS / pieces)));
  return { ...message, parts: JSON.stringify(parts).length > MAX_PIECES ? [omitted(content.length)] : parts };
}

/** The first of these, as JSON, for which there is room. */
function fitting<T>(items: readonly T[], toValue: (item: T) => unknown): readonly string[] {
  const kept: string[] = [];
  let room = MAX_CONTENT_CHARACTERS - '[]'.length;
  for (const item of items) {
    const json = JSON.stringify(toValue(item));
    room -= json.length + ','.length;
    if (room < 0) break;
    kept.push(json);
  }
  return kept;
}

const listOf = (items: readonly string[]): string | undefined =>
  items.length > 0 ? `[${items.join(',')}]` : undefined;
