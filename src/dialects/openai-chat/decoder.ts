import { FinishReason, type Usage } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/call.ts';
import { type Delta, reasoningDelta, refusalDelta, textDelta } from '../../core/events.ts';
import { contentOmitted } from '../../core/warnings.ts';
import { asArray, asObject, asString, parseJson, type UnknownObject } from '../../wire/json.ts';
import type { Frame } from '../../wire/sse.ts';
import type { Decoder, Ending } from '../dialect.ts';
import { notAnAnswer, notWhole } from '../grammar/failure.ts';
import { TextStream } from '../grammar/text-stream.ts';
import { Warnings } from '../grammar/warnings.ts';
import { reportedFailure } from './failure.ts';
import { finishReason } from './finish-reason.ts';
import { sealedDetails, writeState } from './provider-state.ts';
import { reasoningText } from './reasoning-text.ts';
import { ToolCalls } from './tool-calls.ts';
import { readUsage } from './usage.ts';

/** Hears one answer, streamed or restated by `replay`. */
export class ChatDecoder implements Decoder {
  done = false;
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #warnings = new Warnings();
  readonly #text = new TextStream((text) => this.#emit(textDelta(text)));
  readonly #reasoning = new TextStream((text) => this.#emit(reasoningDelta(text)));
  readonly #refusal = new TextStream((text) => this.#emit(refusalDelta(text)));
  readonly #toolCalls: ToolCalls;
  /** A body that could be parsed is whole, whatever it says. */
  #isBody = false;
  #answered = false;
  #refused = false;
  #finish = '';
  #usage: Usage | undefined;
  #model = '';
  #id = '';

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#target = target;
    this.#emit = emit;
    this.#toolCalls = new ToolCalls(target, emit);
  }

  push({ event, data }: Frame): void {
    if (this.done || data === '') return;
    if (data.startsWith('[DONE]')) {
      this.done = true;
      return;
    }
    const content = parseJson(data);
    if (event === 'error') throw reportedFailure(content);
    this.#read(content);
  }

  chunk(content: unknown): void {
    this.#isBody = true;
    this.#read(content);
  }

  end(): Ending {
    this.#checkWhole();
    this.#reasoning.flush();
    this.#text.flush();
    this.#refusal.flush();
    this.#toolCalls.flush();
    return {
      finishReason: this.#finishReason(),
      providerFinishReason: this.#finish,
      usage: this.#usage,
      providerModel: this.#model,
      providerResponseId: this.#id,
      warnings: this.#warnings.all,
    };
  }

  #read(content: unknown): void {
    const chunk = asObject(content);
    if (!chunk) throw notAnAnswer();
    if (chunk.error || chunk.object === 'error') throw reportedFailure(chunk);
    if (this.#model === '') this.#model = asString(chunk.model).toWellFormed();
    if (this.#id === '') this.#id = asString(chunk.id).toWellFormed();
    if (chunk.usage) this.#usage = readUsage(chunk.usage) ?? this.#usage;
    if (chunk.citations) this.#omitted(chunk.citations, 'citations');
    for (const choice of asArray(chunk.choices)) this.#choice(asObject(choice));
  }

  #choice(choice: UnknownObject | undefined): void {
    if (!choice) return;
    if (choice.error) throw reportedFailure(choice);
    if (typeof choice.index === 'number' && choice.index !== 0) {
      this.#warnings.add(contentOmitted('The provider gave several answers; only the first was kept.'));
      return;
    }
    this.#answered = true;
    if (choice.usage) this.#usage = readUsage(choice.usage) ?? this.#usage;
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '') this.#finish = choice.finish_reason;
    const delta = asObject(choice.delta) ?? asObject(choice.message);
    if (delta) this.#delta(delta);
  }

  #delta(delta: UnknownObject): void {
    const { content } = delta;
    const thought = reasoningText(delta);
    if (thought !== '') this.#reasoning.push(thought);
    if (delta.reasoning_details) this.#details(asArray(delta.reasoning_details));
    if (typeof content === 'string') this.#text.push(content);
    else if (content) for (const part of asArray(content)) this.#part(asObject(part));
    if (typeof delta.refusal === 'string') this.#refuse(delta.refusal);
    if (delta.tool_calls) for (const call of asArray(delta.tool_calls)) this.#toolCalls.push(call);
    if (delta.function_call) this.#toolCalls.pushLegacy(delta.function_call);
    if (delta.annotations) this.#omitted(delta.annotations, 'annotations');
    if (delta.images) this.#omitted(delta.images, 'images');
    if (delta.audio && asString(asObject(delta.audio)?.data) !== '') this.#omitted([true], 'audio');
  }

  /** One part of content that came as a list, such as Mistral's thinking. */
  #part(part: UnknownObject | undefined): void {
    if (part?.type === 'text') this.#text.push(asString(part.text));
    else if (part?.type === 'refusal') this.#refuse(asString(part.refusal));
    else if (part?.type === 'thinking') {
      for (const piece of asArray(part.thinking)) this.#reasoning.push(asString(asObject(piece)?.text));
    } else this.#omitted([part], 'parts of a kind that is not known here');
  }

  #details(details: readonly unknown[]): void {
    const reasoningDetails = sealedDetails(details);
    if (reasoningDetails.length === 0) return;
    this.#reasoning.flush();
    this.#emit(reasoningDelta('', writeState(this.#target, { reasoningDetails })));
  }

  #refuse(words: string): void {
    this.#refused ||= words !== '';
    this.#refusal.push(words);
  }

  #omitted(content: unknown, what: string): void {
    if (asArray(content).length > 0)
      this.#warnings.add(contentOmitted(`The answer also held ${what}, which this contract has no place for.`));
  }

  #checkWhole(): void {
    if (this.#isBody && !this.#answered) throw notAnAnswer();
    if (!this.#isBody && this.#finish === '') throw notWhole();
  }

  #finishReason(): FinishReason {
    const reason = finishReason(this.#finish);
    return this.#refused && reason === FinishReason.STOP ? FinishReason.CONTENT_FILTER : reason;
  }
}
