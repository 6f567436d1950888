import type { JsonObject } from '@bufbuild/protobuf';
import type { ReasoningText, ToolCall } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { invalid } from '../grammar/invalid.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { isFrom, STATE_NOT_SENT } from '../grammar/provider-state.ts';
import { textPart, wireContent } from './content.ts';
import { type ChatState, readState, replayDetails } from './provider-state.ts';
import type { Setting } from './setting.ts';

/** One earlier answer of the model; undefined if nothing of it can be sent. */
export function assistantMessage(parts: readonly PlacedPart[], setting: Setting): JsonObject | undefined {
  const answer = new EarlierAnswer(setting);
  for (const part of parts) answer.add(part);
  return answer.message();
}

class EarlierAnswer {
  readonly #setting: Setting;
  readonly #content: JsonObject[] = [];
  readonly #toolCalls: JsonObject[] = [];
  readonly #reasoning: string[] = [];
  readonly #details: JsonObject[] = [];

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  add({ part, whole: { providerState }, path }: PlacedPart): void {
    const { target, warnings, cacheMarks } = this.#setting;
    const state = readState(providerState, target);
    if (part.case === 'reasoning') {
      const foreign = providerState !== undefined && !isFrom(providerState, target);
      if (foreign || !this.#addReasoning(part.value, state))
        warnings.add(dropped(path, 'Earlier reasoning was not sent: the model does not take it back.'));
      return;
    }
    if (part.case === 'text') this.#content.push(textPart(part.value, cacheMarks.get(path)));
    else if (part.case === 'refusal') this.#content.push(this.#refusal(part.value, path));
    else if (part.case === 'toolCall') this.#addToolCall(part.value, state);
    else throw invalid(path, 'is not a part that an assistant message may have');
    const used = part.case === 'toolCall' && state?.extraContent !== undefined;
    if (providerState && !used) warnings.add(dropped(`${path}.provider_state`, STATE_NOT_SENT));
  }

  message(): JsonObject | undefined {
    const calls = this.#toolCalls.length > 0;
    const thought = this.#reasoning.length > 0 || this.#details.length > 0;
    if (this.#content.length === 0 && !calls && !thought) return undefined;
    // Null is only taken where there are tool calls.
    const none = calls ? null : '';
    return {
      role: 'assistant',
      content: this.#content.length > 0 ? wireContent(this.#content) : none,
      ...(this.#reasoning.length > 0 ? { reasoning_content: this.#reasoning.join('\n') } : {}),
      ...(this.#details.length > 0 ? { reasoning_details: this.#details } : {}),
      ...(calls ? { tool_calls: this.#toolCalls } : {}),
    };
  }

  #refusal(words: string, path: string): JsonObject {
    const { quirks, warnings } = this.#setting;
    if (!quirks.refusalsAsText) return { type: 'refusal', refusal: words.toWellFormed() };
    warnings.add(adjusted(path, 'A refusal was sent as text: the provider knows no other form.'));
    return textPart(words);
  }

  /** Whether the provider wants it back. */
  #addReasoning({ text }: ReasoningText, state: ChatState | undefined): boolean {
    const { replayReasoning, replayReasoningDetails } = this.#setting.quirks;
    if (replayReasoningDetails && state?.reasoningDetails) {
      this.#details.push(...replayDetails(state.reasoningDetails, text));
      return true;
    }
    if (replayReasoning && text !== '') this.#reasoning.push(text.toWellFormed());
    return replayReasoning;
  }

  #addToolCall(call: ToolCall, state: ChatState | undefined): void {
    this.#toolCalls.push({
      id: this.#setting.wireId(call.id),
      type: 'function',
      function: { name: call.name.toWellFormed(), arguments: call.arguments.toWellFormed() },
      ...(state?.extraContent ? { extra_content: state.extraContent } : {}),
    });
  }
}
