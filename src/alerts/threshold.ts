/** Below this share of a threshold, things are good again. Otherwise what hovers at it would be told again and again. */
const GOOD_SHARE = 0.9;

/** A threshold that is told once when it is reached, and again only when things have been good in between. */
export class Threshold {
  #isTold = false;

  /** Whether this is to be told. `threshold` is above 0. */
  reached(value: number, threshold: number): boolean {
    if (value < threshold * GOOD_SHARE) this.#isTold = false;
    if (this.#isTold || value < threshold) return false;
    this.#isTold = true;
    return true;
  }

  /** Things are good, as far as anybody knows. */
  reset(): void {
    this.#isTold = false;
  }
}
