interface Numbered<Bucket> {
  /** Which stretch of time it is, counted from the clock's start. */
  readonly number: number;
  readonly bucket: Bucket;
}

/**
 * What was counted lately, in buckets of equal time. The oldest bucket is forgotten as a whole: what is kept reaches
 * back by the window's length at the most, and by one bucket less at the least.
 */
export class SlidingWindow<Bucket> {
  readonly #bucketMs: number;
  readonly #empty: () => Bucket;
  readonly #ring: (Numbered<Bucket> | undefined)[];

  constructor(windowMs: number, buckets: number, empty: () => Bucket) {
    this.#bucketMs = windowMs / buckets;
    this.#empty = empty;
    this.#ring = new Array(buckets).fill(undefined);
  }

  /** The bucket to count in now. One that is no longer in the window may still be changed, without effect. */
  at(nowMs: number): Bucket {
    const number = this.#numberAt(nowMs);
    const place = number % this.#ring.length;
    const held = this.#ring[place];
    if (held?.number === number) return held.bucket;
    const bucket = this.#empty();
    this.#ring[place] = { number, bucket };
    return bucket;
  }

  /** Goes through the buckets in the window, in no particular order. */
  fold<Sum>(nowMs: number, start: Sum, add: (sum: Sum, bucket: Bucket) => Sum): Sum {
    const oldest = this.#numberAt(nowMs) - this.#ring.length + 1;
    let sum = start;
    for (const held of this.#ring) if (held && held.number >= oldest) sum = add(sum, held.bucket);
    return sum;
  }

  #numberAt(nowMs: number): number {
    return Math.floor(nowMs / this.#bucketMs);
  }
}
