import type { Delta } from '../../core/events.ts';
import { asArray, asCount, asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { contentOmitted } from '../../core/warnings.ts';
import { parseJson } from '../../wire/json.ts';
import type { Frame } from '../../wire/sse.ts';
import type { Decoder, Ending } from '../dialect.ts';
import { notAnAnswer, notWhole } from '../grammar/failure.ts';
import { Warnings } from '../grammar/warnings.ts';
import { reportedFailure } from './failure.ts';
import { finishReason } from './finish-reason.ts';
import { Output, type PieceKind } from './output.ts';
import { readUsage } from './usage.ts';

/** The deltas, and the field that tells the parts of an item apart. */
const deltas: ReadonlyMap<string, readonly [PieceKind, string]> = new Map([
  ['response.output_text.delta', ['text', 'content_index']],
  ['response.refusal.delta', ['refusal', 'content_index']],
  ['response.reasoning_summary_text.delta', ['summary', 'summary_index']],
  ['response.reasoning_text.delta', ['thought', 'content_index']],
  ['response.function_call_arguments.delta', ['arguments', '']],
]);

/** The events that end an answer with a response. The last one comes only of a body. */
const ends = new Set(['response.completed', 'response.incomplete', 'response.cancelled']);

/** Hears one answer, streamed or restated by `replay`. */
export class ResponsesDecoder implements Decoder {
  readonly #warnings = new Warnings();
  readonly #output: Output;
  /** The response as it is at its end. */
  #response: UnknownObject | undefined;

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#output = new Output(target, emit, (what) => this.#omitted(what));
  }

  get done(): boolean {
    return this.#response !== undefined;
  }

  push({ event, data }: Frame): void {
    if (!this.done && data !== '' && !data.startsWith('[DONE]')) this.#read(parseJson(data), event);
  }

  chunk(content: unknown): void {
    this.#read(content, '');
  }

  end(): Ending {
    const response = this.#response;
    if (!response) throw notWhole();
    const word = asString(asObject(response.incomplete_details)?.reason) || asString(response.status);
    const serviceTier = asString(response.service_tier).toWellFormed();
    return {
      finishReason: finishReason(word, this.#output),
      providerFinishReason: word.toWellFormed(),
      usage: readUsage(response.usage),
      providerModel: asString(response.model).toWellFormed(),
      providerResponseId: asString(response.id).toWellFormed(),
      warnings: this.#warnings.all,
      ...(serviceTier === '' ? {} : { billing: { serviceTier } }),
    };
  }

  /** Of the events that are not known here, those with content are deltas; the others tell only of progress. */
  #read(content: unknown, name: string): void {
    const event = asObject(content);
    const type = asString(event?.type) || name;
    if (!event || (type === '' && !event.error)) throw notAnAnswer();
    if (type === '' || type === 'error') throw reportedFailure(event);
    if (type === 'response.failed') throw reportedFailure(asObject(event.response) ?? event);
    if (ends.has(type)) return this.#finish(asObject(event.response));
    if (type.endsWith('.delta')) return this.#delta(type, event);
    const item = asObject(event.item);
    if (item && type === 'response.output_item.added') this.#output.begin(index(event.output_index), item);
    if (item && type === 'response.output_item.done') this.#output.finish(index(event.output_index), item);
  }

  #delta(type: string, event: UnknownObject): void {
    const known = deltas.get(type);
    if (!known) return this.#output.unknownDelta();
    const [kind, field] = known;
    this.#output.delta(index(event.output_index), kind, index(event[field]), asString(event.delta));
  }

  #finish(response: UnknownObject | undefined): void {
    if (!response) throw notAnAnswer();
    for (const [i, item] of asArray(response.output).entries()) this.#output.finish(i, asObject(item) ?? {});
    this.#output.flush();
    this.#response = response;
  }

  #omitted(what: string): void {
    this.#warnings.add(contentOmitted(`The answer also held ${what}, which this contract has no place for.`));
  }
}

/** Places count from 0, which is also where all that have no place are. */
const index = (value: unknown): number => asCount(value) ?? 0;
