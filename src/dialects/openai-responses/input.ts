import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Message } from '#gen/antiphon/v1/completion_pb.js';
import { asString } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { type AnsweredCall, conversation, type Turn } from '../grammar/conversation.ts';
import { failedText, warnOfFailedText } from '../grammar/failed-result.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { toolCallIds } from '../grammar/tool-call-ids.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { type AnswerSetting, answerItems } from './assistant.ts';
import { type CacheBreakpoints, cacheBreakpoints } from './cache-breakpoints.ts';
import { inputPart, inputText, instructionPart } from './content.ts';
import type { OpenAiResponsesQuirks } from './quirks.ts';

const MAX_CALL_ID = 64;
const CALL_ID = /^[\w-]+$/;

interface Setting extends AnswerSetting {
  readonly quirks: OpenAiResponsesQuirks;
  readonly breakpoints: CacheBreakpoints;
}

/** The conversation as items, repaired as `conversation` says. Errors: `invalid_request`, `model_lacks_ability`. */
export function wireInput(
  messages: readonly Message[],
  target: Target,
  quirks: OpenAiResponsesQuirks,
  warnings: Warnings,
): JsonObject[] {
  const breakpoints = quirks.cacheBreakpoints ? cacheBreakpoints(messages, warnings) : new Map();
  const setting = { target, quirks, warnings, breakpoints, wireId: toolCallIds(MAX_CALL_ID, CALL_ID) };
  return conversation(messages, warnings).flatMap((turn) => turnItems(turn, setting));
}

function turnItems(turn: Turn, setting: Setting): JsonObject[] {
  switch (turn.kind) {
    case 'instructions':
      return [messageItem(setting.quirks.instructions, marked(turn.parts, instructionPart, setting))];
    case 'user':
      return [messageItem('user', marked(turn.parts, inputPart, setting))];
    case 'assistant':
      return answerItems(turn.parts, setting);
    case 'results':
      return turn.results.map((result) => resultItem(result, setting));
  }
}

const messageItem = (role: string, content: JsonObject[]): JsonObject => ({ type: 'message', role, content });

const marked = (parts: readonly PlacedPart[], wire: (part: PlacedPart) => JsonObject, { breakpoints }: Setting) =>
  parts.map((part) => ({ ...wire(part), ...breakpoints.get(part.path) }));

function resultItem({ callId, parts, isError, path }: AnsweredCall, setting: Setting): JsonObject {
  if (isError) warnOfFailedText(path, setting.warnings);
  const [first, ...rest] = marked(parts, inputPart, setting);
  const content = isError ? failed(first, rest) : [first ?? inputText(''), ...rest];
  const breakpoint = setting.breakpoints.get(path.replace(/\.tool_result$/, ''));
  if (breakpoint) content.push({ ...content.pop(), ...breakpoint });
  return { type: 'function_call_output', call_id: setting.wireId(callId), output: output(content) };
}

/** The wire has no mark for a failed tool. */
function failed(first: JsonObject | undefined, rest: readonly JsonObject[]): JsonObject[] {
  if (first?.type === 'input_text') return [{ ...first, text: failedText(asString(first.text)) }, ...rest];
  return [inputText(first ? 'Error:' : failedText('')), ...(first ? [first] : []), ...rest];
}

/** A lone text as it is, unless more is said of it. */
function output(content: JsonObject[]): JsonValue {
  const [first] = content;
  const bare = content.length === 1 && first?.type === 'input_text' && !first.prompt_cache_breakpoint;
  return bare ? (first.text ?? '') : content;
}
