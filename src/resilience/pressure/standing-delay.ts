/** How long a delay has to last to count. */
const WINDOW_MS = 1_000;

interface Sample {
  readonly atMs: number;
  readonly delayMs: number;
}

/**
 * The delay that lasts: the least one of the last second, and of the sample before that. So one long stall counts for
 * nothing, however long it was, and a delay that never goes away counts in full.
 *
 * Source: CoDel's local minimum, https://www.rfc-editor.org/rfc/rfc8289 (2026-11-21).
 */
export class StandingDelay {
  #samples: Sample[] = [];

  /** Of the samples so far; 0: there are none. */
  get ms(): number {
    return this.#samples.reduce((least, { delayMs }) => Math.min(least, delayMs), this.#samples[0]?.delayMs ?? 0);
  }

  add(atMs: number, delayMs: number): void {
    const older = this.#samples.findLastIndex((sample) => sample.atMs <= atMs - WINDOW_MS);
    this.#samples = [...this.#samples.slice(Math.max(older, 0)), { atMs, delayMs }];
  }

  clear(): void {
    this.#samples = [];
  }
}
