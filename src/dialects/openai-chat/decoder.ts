import { FinishReason, type Usage } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, refusalDelta, textDelta } from '../../core/events.ts';
import { asArray, asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { contentOmitted } from '../../core/warnings.ts';
import { parseJson } from '../../wire/json.ts';
import type { Frame } from '../../wire/sse.ts';
import type { Decoder, Ending } from '../dialect.ts';
import { notAnAnswer, notWhole } from '../grammar/failure.ts';
import { TextStream } from '../grammar/text-stream.ts';
import { Warnings } from '../grammar/warnings.ts';
import { readBilling } from './billing.ts';
import { reportedFailure } from './failure.ts';
import { finishReason } from './finish-reason.ts';
import type { OpenAiChatQuirks } from './quirks.ts';
import { ReasoningStream } from './reasoning-stream.ts';
import { ToolCalls } from './tool-calls.ts';
import { readUsage } from './usage.ts';

/** What the meaning of an answer depends on. */
export type AnswerQuirks = Pick<
  OpenAiChatQuirks,
  'shortModel' | 'reportedCost' | 'reasoningOutsideOutput' | 'replayReasoningDetails'
>;

/** Hears one answer, streamed or restated by `replay`. */
export class ChatDecoder implements Decoder {
  done = false;
  readonly #quirks: AnswerQuirks;
  readonly #emit: (delta: Delta) => void;
  readonly #warnings = new Warnings();
  readonly #text = new TextStream((text) => this.#emit(textDelta(text)));
  readonly #reasoning: ReasoningStream;
  readonly #refusal = new TextStream((text) => this.#emit(refusalDelta(text)));
  readonly #toolCalls: ToolCalls;
  /** A body that could be parsed is whole, whatever it says. */
  #isBody = false;
  #answered = false;
  #refused = false;
  #finish = '';
  #usage: Usage | undefined;
  /** What the usage was read from. */
  #counted: unknown;
  #serviceTier = '';
  #model = '';
  #id = '';

  constructor(target: Target, emit: (delta: Delta) => void, quirks: AnswerQuirks) {
    this.#quirks = quirks;
    this.#emit = emit;
    this.#reasoning = new ReasoningStream(target, emit, quirks.replayReasoningDetails);
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
    this.#reasoning.end();
    this.#text.flush();
    this.#refusal.flush();
    this.#toolCalls.flush();
    const billing = readBilling(this.#counted, this.#serviceTier, this.#quirks);
    return {
      finishReason: this.#finishReason(),
      providerFinishReason: this.#finish,
      usage: this.#usage,
      providerModel: this.#quirks.shortModel?.(this.#model) ?? this.#model,
      providerResponseId: this.#id,
      warnings: this.#warnings.all,
      ...(billing ? { billing } : {}),
    };
  }

  #read(content: unknown): void {
    const chunk = asObject(content);
    if (!chunk) throw notAnAnswer();
    if (chunk.error || chunk.object === 'error') throw reportedFailure(chunk);
    if (this.#model === '') this.#model = asString(chunk.model).toWellFormed();
    if (this.#id === '') this.#id = asString(chunk.id).toWellFormed();
    if (chunk.usage) this.#count(chunk.usage);
    if (chunk.service_tier) this.#serviceTier = asString(chunk.service_tier);
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
    if (choice.usage) this.#count(choice.usage);
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '') this.#finish = choice.finish_reason;
    const delta = asObject(choice.delta) ?? asObject(choice.message);
    if (delta) this.#delta(delta);
  }

  #count(value: unknown): void {
    const usage = readUsage(value, this.#quirks);
    if (!usage) return;
    this.#usage = usage;
    this.#counted = value;
  }

  #delta(delta: UnknownObject): void {
    const { content } = delta;
    this.#reasoning.push(delta);
    if (typeof content === 'string') this.#say(content);
    else if (content) for (const part of asArray(content)) this.#part(asObject(part));
    if (typeof delta.refusal === 'string') this.#refuse(delta.refusal);
    if (delta.tool_calls) this.#calls(asArray(delta.tool_calls));
    if (delta.function_call) this.#toolCalls.pushLegacy(delta.function_call);
    if (delta.annotations) this.#omitted(delta.annotations, 'annotations');
    if (delta.images) this.#omitted(delta.images, 'images');
    if (delta.audio && asString(asObject(delta.audio)?.data) !== '') this.#omitted([true], 'audio');
  }

  #say(text: string): void {
    if (text === '') return;
    this.#reasoning.close();
    this.#text.push(text);
  }

  #calls(calls: readonly unknown[]): void {
    if (calls.length > 0) this.#reasoning.close();
    for (const call of calls) this.#toolCalls.push(call);
  }

  /** One part of content that came as a list, such as Mistral's thinking. */
  #part(part: UnknownObject | undefined): void {
    if (part?.type === 'text') this.#say(asString(part.text));
    else if (part?.type === 'refusal') this.#refuse(asString(part.refusal));
    else if (part?.type === 'thinking') {
      for (const piece of asArray(part.thinking)) this.#reasoning.say(asString(asObject(piece)?.text));
    } else this.#omitted([part], 'parts of a kind that is not known here');
  }

  #refuse(words: string): void {
    if (words === '') return;
    this.#refused = true;
    this.#reasoning.close();
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
