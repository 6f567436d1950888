import type { Warning } from '#gen/antiphon/v1/completion_pb.js';

/** The warnings of one request or answer. A long conversation that breaks a rule many times is told so once. */
export class Warnings {
  readonly #byMessage = new Map<string, Warning>();

  /** Keeps the first of those that say the same in words. */
  add(warning: Warning): void {
    if (!this.#byMessage.has(warning.message)) this.#byMessage.set(warning.message, warning);
  }

  get all(): readonly Warning[] {
    return [...this.#byMessage.values()];
  }
}
