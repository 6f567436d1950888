/** A tool call that waits for its result. */
export interface OpenCall {
  /** Its own among the calls of its answer. */
  readonly id: string;
  /** As the caller gave it: results name it. */
  readonly given: string;
  readonly name: string;
  readonly path: string;
}

/** The calls of one answer, until all of them are answered. */
export class OpenCalls {
  /** Those that have no result, in the order in which they came. */
  readonly #waiting = new Set<OpenCall>();
  /** By the id that was given, the first one last. */
  readonly #byGiven = new Map<string, OpenCall[]>();
  #any = false;

  /** Whether the answer had any, answered or not. */
  get any(): boolean {
    return this.#any;
  }

  add(calls: readonly OpenCall[]): void {
    for (const call of calls.toReversed()) {
      const alike = this.#byGiven.get(call.given);
      if (alike) alike.push(call);
      else this.#byGiven.set(call.given, [call]);
    }
    for (const call of calls) this.#waiting.add(call);
    this.#any ||= calls.length > 0;
  }

  /** The first call that a result of this id answers; undefined if none waits for it. */
  take(given: string): OpenCall | undefined {
    const call = this.#byGiven.get(given)?.pop();
    if (call) this.#waiting.delete(call);
    return call;
  }

  /** Those that were not answered. It is empty after that. */
  settle(): OpenCall[] {
    const left = [...this.#waiting];
    this.#waiting.clear();
    this.#byGiven.clear();
    this.#any = false;
    return left;
  }
}
