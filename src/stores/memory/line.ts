/** A place in a line. A place that stands in none is its own neighbour. */
export interface Place<Item> {
  readonly item: Item;
  before: Place<Item>;
  after: Place<Item>;
}

export function placeOf<Item>(item: Item): Place<Item> {
  const place: { item: Item; before?: Place<Item>; after?: Place<Item> } = { item };
  place.before = place as Place<Item>;
  place.after = place as Place<Item>;
  return place as Place<Item>;
}

/** Items in the order in which they came to its end. To go there, or away, takes the same short time for every one. */
export class Line<Item> {
  /** Stands between the last and the first. */
  readonly #gate = placeOf<Item | undefined>(undefined);

  /** Puts it at the end, wherever it stood. */
  toEnd(place: Place<Item>): void {
    this.leave(place);
    const gate = this.#gate as Place<Item>;
    const last = gate.before;
    place.before = last;
    place.after = gate;
    last.after = place;
    gate.before = place;
  }

  leave(place: Place<Item>): void {
    place.before.after = place.after;
    place.after.before = place.before;
    place.before = place;
    place.after = place;
  }

  /** From the first on. The line must not change meanwhile. */
  *[Symbol.iterator](): Generator<Item> {
    const gate = this.#gate as Place<Item>;
    for (let place = gate.after; place !== gate; place = place.after) yield place.item;
  }
}
