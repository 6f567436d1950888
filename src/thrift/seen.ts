/** What was seen lately, each for a time of its own. Those that were added first go first where there are too many. */
export class Seen {
  readonly #most: number;
  readonly #untilMs = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  has(digest: string, nowMs: number): boolean {
    return (this.#untilMs.get(digest) ?? Number.NEGATIVE_INFINITY) > nowMs;
  }

  add(digest: string, untilMs: number): void {
    this.#untilMs.delete(digest);
    this.#untilMs.set(digest, untilMs);
    if (this.#untilMs.size <= this.#most) return;
    for (const oldest of this.#untilMs.keys()) {
      this.#untilMs.delete(oldest);
      return;
    }
  }

  get size(): number {
    return this.#untilMs.size;
  }
}
