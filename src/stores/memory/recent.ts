import { REMEMBERED_MS } from '../store.ts';

interface Remembered<State> {
  readonly id: string;
  readonly state: State;
  readonly untilMs: number;
}

/** So many that are forgotten may stay in the queue: it is not made anew for each of them. */
const FEW = 1_000;

/** What became of ids within the last hour, up to a bound: the oldest are forgotten first. */
export class Recent<State> {
  readonly #now: () => number;
  readonly #most: number;
  readonly #ids = new Map<string, Remembered<State>>();
  /**
   * In the order of their times, from `#first` on. The order of the map would do, but whoever looks for its beginning
   * steps over all that was removed there since it grew last.
   */
  #queue: Remembered<State>[] = [];
  #first = 0;

  constructor(now: () => number, most: number) {
    this.#now = now;
    this.#most = most;
  }

  get(id: string): State | undefined {
    const known = this.#ids.get(id);
    return known && known.untilMs > this.#now() ? known.state : undefined;
  }

  set(id: string, state: State): void {
    const now = this.#now();
    const remembered = { id, state, untilMs: now + REMEMBERED_MS };
    this.#ids.set(id, remembered);
    this.#queue.push(remembered);
    this.#forget(now);
  }

  #forget(now: number): void {
    for (;;) {
      const oldest = this.#queue[this.#first];
      if (!oldest || (oldest.untilMs > now && this.#queue.length - this.#first <= this.#most)) break;
      this.#first++;
      if (this.#ids.get(oldest.id) === oldest) this.#ids.delete(oldest.id);
    }
    if (this.#first <= FEW || 2 * this.#first < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
  }
}
