import { type Delta, reasoningDelta, refusalDelta, textDelta, toolCallDelta } from '../../core/events.ts';
import { asArray, asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { badAnswer } from '../grammar/failure.ts';
import { heardName } from '../grammar/heard-call.ts';
import { Piece } from './piece.ts';
import { messageState, phaseOf, reasoningState, sealedItem } from './provider-state.ts';

/** What an item is made of. */
export type PieceKind = 'text' | 'refusal' | 'summary' | 'thought' | 'arguments';

/** Hears of what the contract has no place for. */
export type Omitted = (what: string) => void;

const UNKNOWN_ITEMS = 'items of a kind that is not known here, such as searches that the provider ran';

/**
 * Puts the items of an answer together. Each has an index; its pieces come as deltas, or whole when it is done, or
 * whole when the response is.
 */
export class Output {
  refused = false;
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #omitted: Omitted;
  readonly #pieces = new Map<string, Piece>();
  /** Our index of each tool call, by the item's. */
  readonly #calls = new Map<number, number>();
  readonly #done = new Set<number>();
  /** The piece of reasoning that came last, if nothing else did and its part may still grow. */
  #lastThought: string | undefined;

  constructor(target: Target, emit: (delta: Delta) => void, omitted: Omitted) {
    this.#target = target;
    this.#emit = emit;
    this.#omitted = omitted;
  }

  get calls(): number {
    return this.#calls.size;
  }

  /** An item was begun. Only of a tool call is there anything to tell. */
  begin(index: number, item: UnknownObject): void {
    const isNamedCall = item.type === 'function_call' && asString(item.name) !== '';
    if (isNamedCall && !this.#calls.has(index)) this.#call(index, item);
  }

  delta(index: number, kind: PieceKind, part: number, text: string): void {
    if (!this.#done.has(index)) this.#piece(index, kind, part).push(text);
  }

  /** A delta of a kind that is not known here. */
  unknownDelta(): void {
    this.#omitted(UNKNOWN_ITEMS);
  }

  /** An item is whole; what was not heard of it yet is passed on. */
  finish(index: number, item: UnknownObject): void {
    if (this.#done.has(index)) return;
    this.#done.add(index);
    if (item.type === 'message') this.#message(index, item);
    else if (item.type === 'reasoning') this.#reasoning(index, item);
    else if (item.type === 'function_call') {
      if (!this.#calls.has(index)) this.#call(index, item);
      this.#piece(index, 'arguments', 0).close(asString(item.arguments));
    } else this.#omitted(UNKNOWN_ITEMS);
  }

  /** Nothing more comes. */
  flush(): void {
    for (const piece of this.#pieces.values()) piece.flush();
  }

  #message(index: number, item: UnknownObject): void {
    const parts = asArray(item.content).map(asObject);
    for (const [i, part] of parts.entries()) {
      if (part?.type === 'output_text') this.#piece(index, 'text', i).close(asString(part.text));
      else if (part?.type === 'refusal') this.#piece(index, 'refusal', i).close(asString(part.refusal));
      else this.#omitted('parts of a kind that is not known here');
      if (asArray(part?.annotations).length > 0) this.#omitted('annotations');
    }
    const phase = phaseOf(item.phase);
    if (phase && parts.at(-1)?.type === 'output_text') this.#pass(textDelta('', messageState(this.#target, phase)));
  }

  #reasoning(index: number, item: UnknownObject): void {
    for (const [i, part] of asArray(item.summary).entries())
      this.#piece(index, 'summary', i).close(asString(asObject(part)?.text));
    for (const [i, part] of asArray(item.content).entries())
      this.#piece(index, 'thought', i).close(asString(asObject(part)?.text));
    const sealed = sealedItem(item);
    if (sealed) this.#pass(reasoningDelta('', reasoningState(this.#target, sealed)));
  }

  #call(index: number, item: UnknownObject): void {
    const ours = this.#calls.size;
    const name = heardName(item.name);
    this.#calls.set(index, ours);
    this.#pass(toolCallDelta(ours, '', { id: asString(item.call_id).toWellFormed() || `call_${ours}`, name }));
  }

  #piece(index: number, kind: PieceKind, part: number): Piece {
    const key = `${index} ${kind} ${part}`;
    const known = this.#pieces.get(key);
    if (known) return known;
    const piece = new Piece(this.#passer(index, kind, key));
    this.#pieces.set(key, piece);
    return piece;
  }

  #passer(index: number, kind: PieceKind, key: string): (text: string) => void {
    switch (kind) {
      case 'text':
        return (text) => this.#pass(textDelta(text));
      case 'refusal':
        return (text) => this.#refuse(text);
      case 'arguments':
        return this.#argumentsPasser(index);
      default:
        return (text) => this.#think(key, text);
    }
  }

  #argumentsPasser(index: number): (text: string) => void {
    const ours = this.#calls.get(index);
    if (ours === undefined) throw badAnswer('arguments of a tool call that never began');
    return (text) => this.#pass(toolCallDelta(ours, text));
  }

  #refuse(text: string): void {
    this.refused = true;
    this.#pass(refusalDelta(text));
  }

  /** The pieces of reasoning are paragraphs. */
  #think(key: string, text: string): void {
    if (this.#lastThought !== undefined && this.#lastThought !== key) this.#emit(reasoningDelta('\n\n'));
    this.#lastThought = key;
    this.#emit(reasoningDelta(text));
  }

  #pass(delta: Delta): void {
    this.#lastThought = undefined;
    this.#emit(delta);
  }
}
