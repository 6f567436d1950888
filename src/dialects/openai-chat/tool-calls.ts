import { type Delta, toolCallDelta } from '../../core/events.ts';
import { asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';
import { badAnswer } from '../grammar/failure.ts';
import { heardArguments } from '../grammar/heard-call.ts';
import { TextStream } from '../grammar/text-stream.ts';
import { writeState } from './provider-state.ts';

/** A call that was heard of. */
interface OpenCall {
  readonly arguments: TextStream;
  id: string;
  name: string;
  /** Our index, from the moment the name is known: nothing is passed on before. */
  index: number | undefined;
  /** What the first delta says, until it is passed on. */
  first: { id: string; name: string } | undefined;
  /** Arguments that came before the name. */
  early: string;
}

/**
 * Puts tool calls together from their deltas, which servers cut in many ways: calls may alternate; the index, the id
 * or both may be missing; the name may come late; a whole call may come at once.
 */
export class ToolCalls {
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #open: OpenCall[] = [];
  readonly #byIndex = new Map<number, OpenCall>();
  readonly #byId = new Map<string, OpenCall>();
  /** Those that were passed on. */
  readonly #ids = new Set<string>();
  #legacy: OpenCall | undefined;
  #begun = 0;

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#target = target;
    this.#emit = emit;
  }

  /** Takes an entry of `tool_calls`. */
  push(entry: unknown): void {
    const wire = asObject(entry);
    if (!wire) return;
    const id = asString(wire.id);
    const called = asObject(wire.function) ?? {};
    const call = this.#find(wire.index, id, asString(called.name));
    if (call.id === '') call.id = id;
    this.#add(call, called);
    const extra = asObject(wire.extra_content);
    if (extra && call.index !== undefined) this.#passState(call.index, extra);
  }

  /** Takes a `function_call`, the form before there were several calls. It has neither index nor id. */
  pushLegacy(entry: unknown): void {
    this.#legacy ??= this.#begin();
    this.#add(this.#legacy, asObject(entry) ?? {});
  }

  /** Nothing more comes. Errors: `upstream_bad_response` for arguments of a call that was never named. */
  flush(): void {
    for (const call of this.#open) {
      call.arguments.flush();
      if (call.early !== '') throw badAnswer('a tool call without a name');
    }
  }

  #add(call: OpenCall, called: UnknownObject): void {
    if (call.name === '') call.name = asString(called.name).toWellFormed();
    const piece = argumentsText(called.arguments);
    if (call.name === '') call.early += piece;
    else if (call.index === undefined) this.#announce(call, piece);
    else call.arguments.push(piece);
  }

  #announce(call: OpenCall, piece: string): void {
    const { early, name } = call;
    call.index = this.#begun++;
    call.first = { id: this.#ownId(call.id.toWellFormed(), call.index), name };
    call.early = '';
    call.arguments.push(early + piece);
    if (call.first) this.#pass(call, '');
  }

  /** Yandex gives every call of a function the same id, its name. */
  #ownId(id: string, index: number): string {
    const own = id === '' || this.#ids.has(id) ? `${id || 'call'}_${index}` : id;
    this.#ids.add(own);
    return own;
  }

  #pass(call: OpenCall, text: string): void {
    const { first } = call;
    call.first = undefined;
    if (call.index !== undefined) this.#emit(toolCallDelta(call.index, text, first));
  }

  #passState(index: number, extra: UnknownObject): void {
    const extraContent = cleanJson(extra);
    const delta = toolCallDelta(index, '');
    if (!isJsonObject(extraContent) || delta.case !== 'toolCallDelta') return;
    delta.value.providerState = writeState(this.#target, { extraContent });
    this.#emit(delta);
  }

  /** The call that an entry is about; a new one if it is about none that was heard of. */
  #find(index: unknown, id: string, name: string): OpenCall {
    if (typeof index !== 'number') return this.#findWithoutIndex(id, name);
    const known = this.#byIndex.get(index);
    // Some servers give every call the index 0: another id together with a name is another call.
    const other = known && id !== '' && known.id !== '' && id !== known.id && name !== '';
    if (known && !other) return known;
    const call = this.#begin();
    this.#byIndex.set(index, call);
    return call;
  }

  #findWithoutIndex(id: string, name: string): OpenCall {
    const last = this.#open.at(-1);
    const unnamed = last?.name === '' ? last : undefined;
    if (id === '') return unnamed ?? (last && name === '' ? last : this.#begin());
    const call = this.#byId.get(id) ?? (unnamed?.id === '' ? unnamed : this.#begin());
    this.#byId.set(id, call);
    return call;
  }

  #begin(): OpenCall {
    const call: OpenCall = {
      arguments: new TextStream((text) => this.#pass(call, text)),
      id: '',
      name: '',
      index: undefined,
      first: undefined,
      early: '',
    };
    this.#open.push(call);
    return call;
  }
}

/** Sloppy servers send the arguments as an object. In a piece, none are only not there yet. */
const argumentsText = (value: unknown): string => (value === undefined || value === null ? '' : heardArguments(value));
