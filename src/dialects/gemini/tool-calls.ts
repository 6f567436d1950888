import type { Target } from '../../core/call.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Delta, toolCallDelta } from '../../core/events.ts';
import { asString, cleanJson, type UnknownObject } from '../../wire/json.ts';
import { writeSignature } from './provider-state.ts';

/** Gives tool calls, which come whole: at this interface the provider sends none in pieces. */
export class ToolCalls {
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #ids = new Set<string>();

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#target = target;
    this.#emit = emit;
  }

  get count(): number {
    return this.#ids.size;
  }

  /** Errors: `upstream_bad_response` for a call without a name, and for arguments that nest too deeply. */
  push(call: UnknownObject, signature: string, responseId: string): void {
    const name = asString(call.name).toWellFormed();
    if (name === '') throw bad('a tool call without a name');
    const args = cleanJson(call.args ?? {});
    if (args === undefined) throw bad('tool arguments that nest too deeply');
    const index = this.count;
    const id = this.#id(asString(call.id).toWellFormed(), responseId);
    const state = signature === '' ? undefined : writeSignature(this.#target, { value: signature, tail: undefined });
    this.#emit(toolCallDelta(index, JSON.stringify(args), { id, name }, state));
  }

  /** Older models give none. The answer's own id is in one that is made up, so that no two answers share any. */
  #id(given: string, responseId: string): string {
    const answer = /^[\w-]{1,40}$/.test(responseId) ? `${responseId}_` : '';
    const id = given === '' || this.#ids.has(given) ? `call_${answer}${this.count}` : given;
    this.#ids.add(id);
    return id;
  }
}

const bad = (what: string) => new GatewayError('upstream_bad_response', `The provider sent ${what}. Try again.`);
