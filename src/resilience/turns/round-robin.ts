import { Line, type Link } from './line.ts';

/** Where something stands in a round-robin queue. */
export class Place<T> {
  readonly item: T;
  readonly flow: Flow<T>;
  readonly inFlow: Link<Place<T>>;

  constructor(item: T, flow: Flow<T>) {
    this.item = item;
    this.flow = flow;
    this.inFlow = flow.places.push(this);
  }
}

/** Those that come from one source. */
class Flow<T> {
  readonly name: string;
  readonly places = new Line<Place<T>>();
  /** Among the flows that take turns. */
  inRound: Link<Flow<T>>;
  /** Among the flows in which as many wait. */
  inLength: Link<Flow<T>>;

  constructor(name: string, round: Line<Flow<T>>, empty: Line<Flow<T>>) {
    this.name = name;
    this.inRound = round.push(this);
    this.inLength = empty.push(this);
  }
}

/**
 * A queue in which flows take turns, one item each; in a flow, first come is first served. A flow is known only as long
 * as it has something here, so that there are never more flows than items. Nothing takes longer, the more there are.
 */
export class RoundRobin<T> {
  readonly #flows = new Map<string, Flow<T>>();
  /** The next one first. */
  readonly #round = new Line<Flow<T>>();
  /** By how many wait in each. */
  readonly #byLength: Line<Flow<T>>[] = [];
  #longest = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The youngest of the flow that has most here; where several have as many, of the one that has them since last. */
  get last(): Place<T> | undefined {
    return this.#ofLength(this.#longest).last?.places.last;
  }

  /** How many the flow has here that has most. */
  get longest(): number {
    return this.#longest;
  }

  /** How many this flow has here. */
  lengthOf(name: string): number {
    return this.#flows.get(name)?.places.length ?? 0;
  }

  add(item: T, name: string): Place<T> {
    const flow = this.#flows.get(name) ?? new Flow(name, this.#round, this.#ofLength(0));
    this.#flows.set(name, flow);
    const place = new Place(item, flow);
    this.#changed(flow, 1);
    return place;
  }

  /** Takes out the one whose turn it is. */
  next(): T | undefined {
    const place = this.#round.first?.places.first;
    if (!place) return undefined;
    const { flow } = place;
    this.#round.remove(flow.inRound);
    flow.inRound = this.#round.push(flow);
    this.remove(place);
    return place.item;
  }

  /** Takes one out that is still here. */
  remove({ flow, inFlow }: Place<T>): void {
    flow.places.remove(inFlow);
    this.#changed(flow, -1);
    if (flow.places.length > 0) return;
    this.#flows.delete(flow.name);
    this.#round.remove(flow.inRound);
    this.#ofLength(0).remove(flow.inLength);
  }

  /** At most how many that are here would go before one more of this flow. */
  ahead(name: string): number {
    const own = this.lengthOf(name);
    const others = this.#round.length - (own > 0 ? 1 : 0);
    return Math.min(this.size, own + others * (own + 1));
  }

  /** Keeps a flow among those of its length. */
  #changed(flow: Flow<T>, by: 1 | -1): void {
    const { length } = flow.places;
    this.#size += by;
    this.#ofLength(length - by).remove(flow.inLength);
    flow.inLength = this.#ofLength(length).push(flow);
    if (length > this.#longest) this.#longest = length;
    else if (this.#ofLength(this.#longest).length === 0) this.#longest--;
  }

  #ofLength(length: number): Line<Flow<T>> {
    this.#byLength[length] ??= new Line();
    return this.#byLength[length];
  }
}
