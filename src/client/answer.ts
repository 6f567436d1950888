import { create } from '@bufbuild/protobuf';
import {
  type CompleteResponse,
  type Part,
  PartSchema,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';

/** What a stream says, in the contract's words. */
export type StreamEvent = Extract<StreamCompleteResponse['event'], { case: string }>;

type Said = Extract<StreamEvent, { case: 'textDelta' | 'reasoningDelta' | 'refusalDelta' }>;

const kinds = { textDelta: 'text', reasoningDelta: 'reasoning', refusalDelta: 'refusal' } as const;

/** Puts the events of a stream together: the response that a call without a stream would have had. */
export class Answer {
  #content: Part[] = [];
  #toolCalls = new Map<number, Part>();
  /** The last part, as long as what follows may belong to it. */
  #growing: Part | undefined;
  #response: CompleteResponse | undefined;

  /** The whole response. Undefined: the stream has not said that it is whole. */
  get response(): CompleteResponse | undefined {
    return this.#response;
  }

  add(event: StreamEvent): void {
    switch (event.case) {
      case 'textDelta':
      case 'reasoningDelta':
      case 'refusalDelta':
        return this.#say(event);
      case 'toolCallDelta':
        return this.#call(event.value);
      case 'restart':
        this.#content = [];
        this.#toolCalls.clear();
        this.#growing = undefined;
        return;
      case 'completed':
        this.#response = { ...event.value, content: this.#content };
    }
  }

  #say(event: Said): void {
    const kind = kinds[event.case];
    const { text } = event.value;
    const part = this.#growing?.part.case === kind ? this.#growing : this.#push(emptyPart(kind));
    if (part.part.case === 'reasoning') part.part.value.text += text;
    else if (part.part.case === kind) part.part.value += text;
    this.#growing = part;
    if (event.case === 'refusalDelta' || !event.value.providerState) return;
    part.providerState = event.value.providerState;
    this.#growing = undefined;
  }

  #call({
    index,
    id,
    name,
    argumentsDelta,
    providerState,
  }: Extract<StreamEvent, { case: 'toolCallDelta' }>['value']): void {
    this.#growing = undefined;
    const part =
      this.#toolCalls.get(index) ?? this.#push(create(PartSchema, { part: { case: 'toolCall', value: { id, name } } }));
    this.#toolCalls.set(index, part);
    if (part.part.case === 'toolCall') part.part.value.arguments += argumentsDelta;
    if (providerState) part.providerState = providerState;
  }

  #push(part: Part): Part {
    this.#content.push(part);
    return part;
  }
}

const emptyPart = (kind: 'text' | 'reasoning' | 'refusal'): Part =>
  create(PartSchema, { part: kind === 'reasoning' ? { case: kind, value: { text: '' } } : { case: kind, value: '' } });
