import { StoreError, type Tally } from '../store.ts';
import { Recent } from './recent.ts';
import { Shelf } from './shelf.ts';

interface Table {
  readonly counts: Map<string, number>;
  readonly expiresMs: number;
}

/** Tables of counters in memory. `most`: tables, counters of one, and ids that are remembered, of each. */
export class MemoryTallies {
  readonly #now: () => number;
  readonly #most: number;
  readonly #tables: Shelf<Table>;
  readonly #ids: Recent<true>;

  constructor(now: () => number, most: number) {
    this.#now = now;
    this.#most = most;
    this.#tables = new Shelf({ now, most });
    this.#ids = new Recent(now, most);
  }

  tally({ table: name, id, counts, ttlMs }: Tally): void {
    const key = `${name}\n${id}`;
    if (this.#ids.get(key)) return;
    const table = this.#tables.get(name) ?? { counts: new Map(), expiresMs: this.#now() + ttlMs };
    const added = [...counts.keys()].filter((counter) => !table.counts.has(counter)).length;
    if (table.counts.size + added > this.#most) throw new StoreError('full');
    this.#tables.set(name, table);
    this.#ids.set(key, true);
    for (const [counter, count] of counts) table.counts.set(counter, (table.counts.get(counter) ?? 0) + count);
  }

  tallied(table: string): ReadonlyMap<string, number> {
    return new Map(this.#tables.get(table)?.counts);
  }
}
