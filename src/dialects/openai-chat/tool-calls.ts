import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/call.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Delta, toolCallDelta } from '../../core/events.ts';
import { asObject, asString, cleanJson, isJsonObject, type UnknownObject } from '../../wire/json.ts';
import { writeState } from './provider-state.ts';
import { TextStream } from './text-stream.ts';

/** A call that has begun. */
interface OpenCall {
  readonly arguments: TextStream;
  id: string;
  name: string;
  /** Our index, from the moment the name is known: nothing is passed on before. */
  index: number | undefined;
  /** Arguments that came before the name. */
  early: string;
}

const LEGACY = 'function_call';

/**
 * Puts tool calls together from their deltas, which servers cut in many ways: calls may alternate; the index, the id
 * or both may be missing; the name may come late; a whole call may come at once.
 */
export class ToolCalls {
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #open: OpenCall[] = [];
  readonly #byKey = new Map<number | string, OpenCall>();
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
    const called = asObject(wire.function);
    this.#add(this.#find(wire.index, id, asString(called?.name)), id, called, asObject(wire.extra_content));
  }

  /** Takes a `function_call`, the form before there were several calls. It has neither index nor id. */
  pushLegacy(entry: unknown): void {
    const called = asObject(entry);
    if (called) this.#add(this.#byKey.get(LEGACY) ?? this.#begin(LEGACY, ''), '', called, undefined);
  }

  /** Nothing more comes. Errors: `upstream_bad_response` for arguments of a call that was never named. */
  flush(): void {
    for (const call of this.#open) {
      call.arguments.flush();
      if (call.index === undefined && call.early !== '') throw unnamed();
    }
  }

  #add(
    call: OpenCall,
    id: string,
    called: UnknownObject | undefined,
    extra: UnknownObject | undefined,
  ): void {
    if (call.id === '') call.id = id.toWellFormed();
    if (call.name === '') call.name = asString(called?.name).toWellFormed();
    const piece = argumentsText(called?.arguments);
    if (call.name === '') call.early += piece;
    else if (call.index === undefined) this.#announce(call, call.early + piece, extra);
    else {
      call.arguments.push(piece);
      if (extra) this.#pass(call, '', this.#state(extra));
    }
  }

  #announce(call: OpenCall, piece: string, extra: UnknownObject | undefined): void {
    const index = this.#begun++;
    call.index = index;
    call.early = '';
    const delta = toolCallDelta(index, '', { id: call.id || `call_${index}`, name: call.name });
    if (extra && delta.case === 'toolCallDelta') Object.assign(delta.value, { providerState: this.#state(extra) });
    this.#emit(delta);
    call.arguments.push(piece);
  }

  #pass(call: OpenCall, text: string, state?: ProviderState): void {
    const delta = toolCallDelta(call.index ?? 0, text);
    if (state && delta.case === 'toolCallDelta') delta.value.providerState = state;
    this.#emit(delta);
  }

  #state(extra: UnknownObject): ProviderState | undefined {
    const extraContent = cleanJson(extra);
    return isJsonObject(extraContent) ? writeState(this.#target, { extraContent }) : undefined;
  }

  /** The call that an entry is about; a new one if it is about none that has begun. */
  #find(index: unknown, id: string, name: string): OpenCall {
    if (typeof index !== 'number') return this.#findWithoutIndex(id, name);
    const known = this.#byKey.get(index);
    // Some servers give every call the index 0: another id together with a name is another call.
    const other = known && id !== '' && known.id !== '' && id !== known.id && name !== '';
    return known && !other ? known : this.#begin(index, id);
  }

  #findWithoutIndex(id: string, name: string): OpenCall {
    if (id !== '') return this.#byKey.get(id) ?? this.#begin(id, id);
    const last = this.#open.at(-1);
    return last && name === '' ? last : this.#begin(`nameless ${this.#open.length}`, '');
  }

  #begin(key: number | string, id: string): OpenCall {
    const call: OpenCall = {
      arguments: new TextStream((text) => this.#pass(call, text)),
      id: id.toWellFormed(),
      name: '',
      index: undefined,
      early: '',
    };
    this.#open.push(call);
    this.#byKey.set(key, call);
    return call;
  }
}

/** Sloppy servers send the arguments as an object. Errors: `upstream_bad_response` if it nests too deeply. */
function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  const clean = cleanJson(value);
  if (clean === undefined)
    throw new GatewayError('upstream_bad_response', 'The provider sent tool arguments that nest too deeply. Try again.');
  return JSON.stringify(clean);
}

const unnamed = () =>
  new GatewayError('upstream_bad_response', 'The provider sent a tool call without a name. Try again.');
