import { REMEMBERED_MS } from '../store.ts';

/** What became of ids within the last hour, up to a bound: the oldest are forgotten first. */
export class Recent<State> {
  readonly #now: () => number;
  readonly #most: number;
  readonly #ids = new Map<string, { readonly state: State; readonly untilMs: number }>();

  constructor(now: () => number, most: number) {
    this.#now = now;
    this.#most = most;
  }

  get(id: string): State | undefined {
    this.#forget();
    return this.#ids.get(id)?.state;
  }

  set(id: string, state: State): void {
    this.#ids.delete(id);
    this.#ids.set(id, { state, untilMs: this.#now() + REMEMBERED_MS });
    this.#forget();
  }

  /** They are in the order of their times. */
  #forget(): void {
    const now = this.#now();
    for (const [id, { untilMs }] of this.#ids) {
      if (untilMs > now && this.#ids.size <= this.#most) return;
      this.#ids.delete(id);
    }
  }
}
