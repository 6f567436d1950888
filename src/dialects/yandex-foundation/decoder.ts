import { FinishReason, type Usage } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, refusalDelta, textDelta, toolCallDelta } from '../../core/events.ts';
import { asArray, asObject, asString, type UnknownObject } from '../../core/json.ts';
import { contentOmitted } from '../../core/warnings.ts';
import { parseJson } from '../../wire/json.ts';
import type { Frame } from '../../wire/sse.ts';
import type { Decoder, Ending } from '../dialect.ts';
import { notAnAnswer, notWhole } from '../grammar/failure.ts';
import { Warnings } from '../grammar/warnings.ts';
import { CumulativeText } from './cumulative-text.ts';
import { isError, reportedFailure } from './failure.ts';
import { finishReason, isFinal, UNSAFE } from './finish-reason.ts';
import { heardCall } from './tool-call.ts';
import { readUsage } from './usage.ts';

/**
 * Hears one answer: lines that each hold all that was said so far, or a body, which is such a line. `short` is the
 * model's name: the answer itself only tells its version.
 */
export class FoundationDecoder implements Decoder {
  done = false;
  readonly #emit: (delta: Delta) => void;
  readonly #short: string;
  readonly #warnings = new Warnings();
  readonly #text: CumulativeText;
  #isBody = false;
  #answered = false;
  #status = '';
  #usage: Usage | undefined;
  #version = '';
  /** The last list of calls: it is whole only when the answer is. */
  #calls: readonly unknown[] = [];

  constructor(emit: (delta: Delta) => void, short: string) {
    this.#emit = emit;
    this.#short = short;
    this.#text = new CumulativeText((text) => emit(textDelta(text)));
  }

  push({ data }: Frame): void {
    if (!this.done) this.#read(parseJson(data));
  }

  chunk(content: unknown): void {
    this.#isBody = true;
    this.#read(content);
  }

  end(): Ending {
    if (this.#isBody && !this.#answered) throw notAnAnswer();
    if (!this.#isBody && this.#status === '') throw notWhole();
    this.#text.flush();
    for (const [index, call] of this.#calls.entries()) {
      const { name, arguments: text } = heardCall(call);
      this.#emit(toolCallDelta(index, text, { id: `call_${index}`, name }));
    }
    return {
      finishReason: this.#status === '' ? FinishReason.OTHER : finishReason(this.#status),
      providerFinishReason: this.#status,
      usage: this.#usage,
      providerModel: this.#version === '' ? '' : `${this.#short} ${this.#version}`,
      providerResponseId: '',
      warnings: this.#warnings.all,
    };
  }

  #read(content: unknown): void {
    const line = asObject(content);
    if (!line) throw notAnAnswer();
    if (isError(line)) throw reportedFailure(line);
    // The documentation shows the answer bare; the service wraps it.
    const result = asObject(line.result) ?? line;
    if (isError(result)) throw reportedFailure(result);
    this.#usage = readUsage(result.usage) ?? this.#usage;
    this.#version = asString(result.modelVersion).toWellFormed() || this.#version;
    const [first, ...others] = asArray(result.alternatives);
    if (others.length > 0)
      this.#warnings.add(contentOmitted('The provider gave several answers; only the first was kept.'));
    const alternative = asObject(first);
    if (alternative) this.#alternative(alternative);
  }

  #alternative({ message: said, status: word }: UnknownObject): void {
    this.#answered = true;
    const message = asObject(said) ?? {};
    const status = asString(word);
    const final = isFinal(status);
    if (final) this.#status = status;
    const text = asString(message.text);
    if (status === UNSAFE && !this.#text.goesOn(text)) this.#emit(refusalDelta(text.toWellFormed()));
    else if (text !== '') this.#text.push(text, final);
    const calls = asArray(asObject(message.toolCallList)?.toolCalls);
    if (calls.length > 0) this.#calls = calls;
    this.done = final && !this.#isBody;
  }
}
