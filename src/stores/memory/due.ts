interface Timed<Item> {
  readonly atMs: number;
  readonly item: Item;
}

/** Items in the order in which they fall due: a binary heap. */
export class Due<Item> {
  #heap: Timed<Item>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, item: Item): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push({ atMs, item });
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#time(parent) <= atMs) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes out the first one that is due by then. Undefined: none is. */
  take(nowMs: number): Item | undefined {
    const [first] = this.#heap;
    if (!first || first.atMs > nowMs) return undefined;
    const last = this.#heap.pop();
    if (last && last !== first) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first.item;
  }

  /** Forgets all others. */
  keep(isWanted: (item: Item) => boolean): void {
    // What is in order is a heap.
    this.#heap = this.#heap.filter(({ item }) => isWanted(item)).sort((a, b) => a.atMs - b.atMs);
  }

  #sink(): void {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = this.#time(left + 1) < this.#time(left) ? left + 1 : left;
      if (this.#time(at) <= this.#time(child)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #time(at: number): number {
    return this.#heap[at]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const [first, second] = [this.#heap[one], this.#heap[other]];
    if (!first || !second) return;
    this.#heap[one] = second;
    this.#heap[other] = first;
  }
}
