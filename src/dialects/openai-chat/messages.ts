import type { JsonObject } from '@bufbuild/protobuf';
import { type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/call.ts';
import { adjusted } from '../../core/warnings.ts';
import { assistantMessage, type Setting } from './assistant.ts';
import { instructionPart, type PlacedPart, placed, textPart, userPart, wireContent } from './content.ts';
import { invalid } from './invalid.ts';
import type { OpenAiChatQuirks } from './quirks.ts';
import { toolCallIds } from './tool-call-ids.ts';
import type { Warnings } from './warnings.ts';

/**
 * The conversation in the wire's words. Repaired on the way, with warnings, is what the wire does not take: results
 * without all of a turn's calls answered, anything between calls and results, and results other than text.
 * Errors: `invalid_request`, `model_lacks_ability`.
 */
export function wireMessages(
  messages: readonly Message[],
  target: Target,
  quirks: OpenAiChatQuirks,
  warnings: Warnings,
): JsonObject[] {
  const wireId = toolCallIds(quirks.maxToolCallId);
  const conversation = new Conversation({ target, quirks, warnings, wireId });
  for (const [i, message] of messages.entries()) conversation.add(message, `messages[${i}]`);
  return conversation.end();
}

class Conversation {
  readonly #setting: Setting;
  readonly #wire: JsonObject[] = [];
  /** The tool calls of the last assistant message that have no result yet, and where they are. */
  readonly #unanswered = new Map<string, string>();
  /** What has to wait until the results are complete. */
  #held: JsonObject[] = [];

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  add(message: Message, path: string): void {
    switch (message.role) {
      case Role.SYSTEM:
      case Role.DEVELOPER:
        return this.#instruct(message, path);
      case Role.USER:
        this.#settle();
        this.#wire.push({ role: 'user', content: wireContent(placed(message.content, path).map(userPart)) });
        return;
      case Role.ASSISTANT:
        return this.#answer(message, path);
      case Role.TOOL:
        for (const part of placed(message.content, path)) this.#result(part);
        return;
      default:
        throw invalid(`${path}.role`, 'must be SYSTEM, DEVELOPER, USER, ASSISTANT or TOOL');
    }
  }

  end(): JsonObject[] {
    this.#settle();
    return this.#wire;
  }

  #instruct({ role, content }: Message, path: string): void {
    const { instructions } = this.#setting.quirks;
    const given = role === Role.DEVELOPER ? 'developer' : 'system';
    const message = {
      role: instructions === 'as_given' ? given : instructions,
      content: wireContent(placed(content, path).map(instructionPart)),
    };
    if (this.#unanswered.size === 0 && this.#held.length === 0) this.#wire.push(message);
    else {
      this.#held.push(message);
      this.#setting.warnings.add(
        adjusted(path, 'Instructions between tool calls and their results were sent after the results.'),
      );
    }
  }

  #answer({ content }: Message, path: string): void {
    this.#settle();
    const message = assistantMessage(content, path, this.#setting);
    if (message) this.#wire.push(message);
    for (const { part, path: at } of placed(content, path)) {
      if (part.case === 'toolCall') this.#unanswered.set(part.value.id, at);
    }
  }

  #result({ part, path }: PlacedPart): void {
    if (part.case !== 'toolResult') throw invalid(path, 'must be a tool_result');
    const { toolCallId, content, isError } = part.value;
    const all = placed(content, `${path}.tool_result`);
    const texts = all.filter((inner) => inner.part.case === 'text').map(userPart);
    const media = all.filter((inner) => inner.part.case !== 'text').map(userPart);
    const id = this.#setting.wireId(toolCallId);
    this.#unanswered.delete(toolCallId);
    this.#wire.push({
      role: 'tool',
      tool_call_id: id,
      content: wireContent(resultText(texts, media.length > 0, isError)),
    });
    if (isError)
      this.#setting.warnings.add(
        adjusted(`${path}.tool_result.is_error`, 'is_error was sent as words before the text.'),
      );
    if (media.length === 0) return;
    this.#held.push({ role: 'user', content: [textPart(`From the result of tool call ${id}:`), ...media] });
    this.#setting.warnings.add(
      adjusted(path, "A tool's images and documents were sent as a user message after the results."),
    );
  }

  /** Ends the turn of the last tool calls. */
  #settle(): void {
    for (const [id, path] of this.#unanswered) {
      this.#wire.push({ role: 'tool', tool_call_id: this.#setting.wireId(id), content: 'This call was not answered.' });
      this.#setting.warnings.add(
        adjusted(path, 'A tool call without a result was answered with a note that it was not.'),
      );
    }
    this.#unanswered.clear();
    this.#wire.push(...this.#held);
    this.#held = [];
  }
}

/** The wire has no mark for a failed tool, and wants some text. */
function resultText(texts: readonly JsonObject[], hasMedia: boolean, isError: boolean): readonly JsonObject[] {
  const [first, ...rest] = texts;
  if (first && !isError) return texts;
  const own = first ? String(first.text) : hasMedia ? 'See the user message after the results.' : '';
  return [textPart(isError ? `Error: ${own || 'nothing more is known.'}` : own), ...rest];
}
