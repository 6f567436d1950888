import { create } from '@bufbuild/protobuf';
import { type Part, PartSchema, type ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import type { Delta } from './events.ts';

type TextKind = 'text' | 'reasoning' | 'refusal';

/** Puts the pieces of a stream together again: the same content that a unary answer has. */
export class Fold {
  #parts: Part[] = [];
  #toolCalls: Part[] = [];
  /** The text part that may still grow, and what kind it is. */
  #open: { kind: TextKind; part: Part } | undefined;

  get parts(): readonly Part[] {
    return this.#parts;
  }

  add(delta: Delta): void {
    switch (delta.case) {
      case 'textDelta':
        return this.#text('text', delta.value.text, delta.value.providerState);
      case 'reasoningDelta':
        return this.#text('reasoning', delta.value.text, delta.value.providerState);
      case 'refusalDelta':
        return this.#text('refusal', delta.value.text, undefined);
      case 'toolCallDelta':
        return this.#toolCall(delta.value);
      case 'restart':
        this.#parts = [];
        this.#toolCalls = [];
        this.#open = undefined;
    }
  }

  #text(kind: TextKind, text: string, state: ProviderState | undefined): void {
    if (this.#open?.kind !== kind) this.#open = { kind, part: this.#push(kind) };
    const { part } = this.#open.part;
    if (part.case === 'reasoning') part.value.text += text;
    else if (part.case === 'text' || part.case === 'refusal') part.value += text;
    if (!state) return;
    this.#open.part.providerState = state;
    this.#open = undefined;
  }

  #push(kind: TextKind): Part {
    const part = create(PartSchema, {
      part: kind === 'reasoning' ? { case: kind, value: { text: '' } } : { case: kind, value: '' },
    });
    this.#parts.push(part);
    return part;
  }

  #toolCall({
    index,
    id,
    name,
    argumentsDelta,
    providerState,
  }: Extract<Delta, { case: 'toolCallDelta' }>['value']): void {
    this.#open = undefined;
    let call = this.#toolCalls[index];
    if (!call) {
      call = create(PartSchema, { part: { case: 'toolCall', value: { id, name } } });
      this.#toolCalls[index] = call;
      this.#parts.push(call);
    }
    if (call.part.case === 'toolCall') call.part.value.arguments += argumentsDelta;
    if (providerState) call.providerState = providerState;
  }
}
