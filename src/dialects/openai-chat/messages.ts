import type { JsonObject } from '@bufbuild/protobuf';
import { type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { adjusted } from '../../core/warnings.ts';
import { type AnsweredCall, conversation, type Turn } from '../grammar/conversation.ts';
import { failedText, warnOfFailedText } from '../grammar/failed-result.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { toolCallIds } from '../grammar/tool-call-ids.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { assistantMessage } from './assistant.ts';
import { cacheMarks } from './cache-marks.ts';
import { instructionPart, textPart, userPart, wireContent } from './content.ts';
import { nineLetterIds } from './nine-letter-ids.ts';
import type { OpenAiChatQuirks } from './quirks.ts';
import type { Setting } from './setting.ts';

/**
 * The conversation in the wire's words, repaired as `conversation` says, and with results other than text as user
 * messages. Errors: `invalid_request`, `model_lacks_ability`.
 */
export function wireMessages(
  messages: readonly Message[],
  target: Target,
  quirks: OpenAiChatQuirks,
  warnings: Warnings,
): JsonObject[] {
  const wireId = quirks.nineLetterIds ? nineLetterIds() : toolCallIds(quirks.maxToolCallId);
  const setting = { target, quirks, warnings, wireId, cacheMarks: cacheMarks(messages, quirks, warnings) };
  return conversation(messages, warnings).flatMap((turn) => wireTurn(turn, setting));
}

/** The messages with one more instruction, after those that they begin with: some servers take none further on. */
export function withInstruction(
  messages: readonly JsonObject[],
  instruction: string,
  { instructions }: OpenAiChatQuirks,
): JsonObject[] {
  const isInstruction = ({ role }: JsonObject) => role === 'system' || role === 'developer';
  const first = messages.findIndex((message) => !isInstruction(message));
  const at = first < 0 ? messages.length : first;
  const role = instructions === 'developer' ? 'developer' : 'system';
  return [...messages.slice(0, at), { role, content: instruction }, ...messages.slice(at)];
}

function wireTurn(turn: Turn, setting: Setting): JsonObject[] {
  switch (turn.kind) {
    case 'instructions':
      return [
        {
          role: instructionRole(turn.role, setting.quirks),
          content: wireContent(turn.parts.map((part) => instructionPart(part, setting))),
        },
      ];
    case 'user':
      return [{ role: 'user', content: wireContent(turn.parts.map((part) => userPart(part, setting))) }];
    case 'assistant': {
      const message = assistantMessage(turn.parts, setting);
      return message ? [message] : [];
    }
    case 'results':
      return [
        ...turn.results.map((result) => resultMessage(result, setting)),
        ...turn.results.flatMap((result) => mediaMessage(result, setting)),
      ];
  }
}

function instructionRole(role: Role, { instructions }: OpenAiChatQuirks): string {
  if (instructions !== 'as_given') return instructions;
  return role === Role.DEVELOPER ? 'developer' : 'system';
}

const isText = ({ part }: PlacedPart) => part.case === 'text';

function resultMessage({ callId, parts, isError, path }: AnsweredCall, setting: Setting): JsonObject {
  const { wireId, warnings } = setting;
  const texts = parts.filter(isText).map((part) => userPart(part, setting));
  if (isError) warnOfFailedText(path, warnings);
  return {
    role: 'tool',
    tool_call_id: wireId(callId),
    content: wireContent(resultText(texts, texts.length < parts.length, isError)),
  };
}

/** The wire has no mark for a failed tool, and wants some text. */
function resultText(texts: readonly JsonObject[], hasMedia: boolean, isError: boolean): readonly JsonObject[] {
  const [first, ...rest] = texts;
  if (first && !isError) return texts;
  const own = first ? String(first.text) : hasMedia ? 'See the user message after the results.' : '';
  return [{ ...first, ...textPart(isError ? failedText(own) : own) }, ...rest];
}

/** The wire takes only text from a tool. */
function mediaMessage({ callId, parts, path }: AnsweredCall, setting: Setting): JsonObject[] {
  const { wireId, warnings } = setting;
  const media = parts.filter((part) => !isText(part)).map((part) => userPart(part, setting));
  if (media.length === 0) return [];
  const message = "A tool's images and documents were sent as a user message after the results.";
  warnings.add(adjusted(path.replace(/\.tool_result$/, ''), message));
  return [{ role: 'user', content: [textPart(`From the result of tool call ${wireId(callId)}:`), ...media] }];
}
