import { type Delta, refusalDelta } from '../../core/events.ts';
import { asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { parseJson } from '../../wire/json.ts';
import type { Frame } from '../../wire/sse.ts';
import type { Decoder, Ending } from '../dialect.ts';
import { notAnAnswer, notWhole } from '../grammar/failure.ts';
import { Warnings } from '../grammar/warnings.ts';
import { Blocks } from './blocks.ts';
import { reportedFailure } from './failure.ts';
import { finishReason } from './stop-reason.ts';
import { laterUsage, readBilling, readUsage } from './usage.ts';

/** Hears one answer, streamed or restated by `replay`. Events of a kind that it does not know are skipped. */
export class MessagesDecoder implements Decoder {
  done = false;
  readonly #emit: (delta: Delta) => void;
  readonly #warnings = new Warnings();
  readonly #blocks: Blocks;
  /** A body that could be parsed is whole, whatever it says. */
  #isBody = false;
  #begun = false;
  #finish = '';
  #usage: UnknownObject = {};
  #model = '';
  #id = '';

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#emit = emit;
    this.#blocks = new Blocks({ target, emit, warnings: this.#warnings });
  }

  push({ data }: Frame): void {
    if (!this.done && data !== '') this.#read(parseJson(data));
  }

  chunk(content: unknown): void {
    this.#isBody = true;
    this.#read(content);
  }

  end(): Ending {
    this.#checkWhole();
    this.#blocks.flush();
    return {
      finishReason: finishReason(this.#finish),
      providerFinishReason: this.#finish,
      usage: readUsage(this.#usage),
      providerModel: this.#model,
      providerResponseId: this.#id,
      warnings: this.#warnings.all,
      billing: readBilling(this.#usage),
    };
  }

  #read(content: unknown): void {
    const event = asObject(content);
    if (!event) throw notAnAnswer();
    switch (event.type) {
      case 'content_block_delta':
        return this.#blocks.delta(event.index, event.delta);
      case 'content_block_start':
        return this.#blocks.start(event.index, event.content_block);
      case 'content_block_stop':
        return this.#blocks.stop(event.index);
      case 'message_start':
        return this.#begin(asObject(event.message) ?? {});
      case 'message_delta':
        return this.#finishUp(asObject(event.delta) ?? {}, event.usage);
      case 'message_stop':
        this.done = true;
        return;
      default:
        if (event.error) throw reportedFailure(event);
    }
  }

  #begin({ id, model, usage }: UnknownObject): void {
    this.#begun = true;
    this.#id = asString(id).toWellFormed();
    this.#model = asString(model).toWellFormed();
    this.#usage = asObject(usage) ?? {};
  }

  #finishUp({ stop_reason: reason, stop_details: details }: UnknownObject, usage: unknown): void {
    this.#usage = laterUsage(this.#usage, asObject(usage) ?? {});
    if (typeof reason === 'string') this.#finish = reason.toWellFormed();
    const explanation = this.#finish === 'refusal' ? asString(asObject(details)?.explanation) : '';
    if (explanation !== '') this.#emit(refusalDelta(explanation.toWellFormed()));
  }

  #checkWhole(): void {
    if (this.#isBody && !this.#begun) throw notAnAnswer();
    if (!this.#isBody && (!this.done || this.#finish === '')) throw notWhole();
  }
}
