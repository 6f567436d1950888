import { type Delta, toolCallDelta } from '../../core/events.ts';
import { asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { heardArguments, heardName } from '../grammar/heard-call.ts';
import { writeSignature } from './provider-state.ts';

/** Gives tool calls, which come whole: at this interface the provider sends none in pieces. */
export class ToolCalls {
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #ids = new Set<string>();
  #count = 0;
  /** The number in the next id that is made up. */
  #next = 0;

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#target = target;
    this.#emit = emit;
  }

  get count(): number {
    return this.#count;
  }

  /** Errors: `upstream_bad_response` for a call without a name, and for arguments that nest too deeply. */
  push(call: UnknownObject, signature: string, responseId: string): void {
    const name = heardName(call.name);
    const args = heardArguments(call.args);
    const index = this.#count++;
    const id = this.#id(asString(call.id).toWellFormed(), index, responseId);
    const state = signature === '' ? undefined : writeSignature(this.#target, { value: signature, tail: undefined });
    this.#emit(toolCallDelta(index, args, { id, name }, state));
  }

  /** Older models give none. The answer's own id is in one that is made up, so that no two answers share any. */
  #id(given: string, index: number, responseId: string): string {
    const answer = /^[\w-]{1,40}$/.test(responseId) ? `${responseId}_` : '';
    let id = given;
    this.#next = Math.max(this.#next, index);
    while (id === '' || this.#ids.has(id)) id = `call_${answer}${this.#next++}`;
    this.#ids.add(id);
    return id;
  }
}
