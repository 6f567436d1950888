import { toolCallIds } from '../grammar/tool-call-ids.ts';

const MOST_CHARACTERS = 64;
const ALPHABET = /^[A-Za-z0-9_-]+$/;

/** Ids of tool calls as the API takes them. It wants each only once, while some models begin anew in every answer. */
export class ToolIds {
  readonly #wireId = toolCallIds(MOST_CHARACTERS, ALPHABET);
  readonly #used = new Set<string>();
  readonly #latest = new Map<string, string>();
  /** The number in the next id that is made up. */
  #next = 0;

  /** For a call. */
  call(id: string): string {
    const wanted = this.#wireId(id);
    const wire = this.#used.has(wanted) ? this.#another() : wanted;
    this.#used.add(wire);
    this.#latest.set(id, wire);
    return wire;
  }

  /** For the result of the latest call that has this id. */
  answered(id: string): string {
    return this.#latest.get(id) ?? this.call(id);
  }

  #another(): string {
    this.#next = Math.max(this.#next, this.#used.size);
    while (this.#used.has(`call_again_${this.#next}`)) this.#next++;
    return `call_again_${this.#next}`;
  }
}
