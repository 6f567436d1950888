import { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { MemoryLedgers } from './memory/ledgers.ts';
import { Shelf } from './memory/shelf.ts';
import { MemoryTallies } from './memory/tallies.ts';
import {
  type Balance,
  type Reservation,
  type Reserved,
  type Settlement,
  type Store,
  StoreError,
  type Tally,
} from './store.ts';

export interface MemoryBounds {
  /** The most values. Those that were not used for longest go first. */
  readonly maxEntries: number;
  /** The most bytes of all values with their keys. */
  readonly maxBytes: number;
  /**
   * The most counters, accounts, open reservations and remembered ids, of each. Where there are more, those that were
   * not used for longest are forgotten. What is held is not: then the store is full.
   */
  readonly maxAccounts: number;
}

interface Value {
  readonly bytes: Uint8Array;
  readonly expiresMs: number;
}

interface Counter {
  readonly sum: number;
  readonly expiresMs: number;
}

const matches = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : Buffer.compare(one, other) === 0;

/** A store of this process alone, gone with it. Time is the clock's `now`. */
export class MemoryStore implements Store {
  readonly #now: () => number;
  readonly #values: Shelf<Value>;
  readonly #counters: Shelf<Counter>;
  readonly #tallies: MemoryTallies;
  readonly #ledgers: MemoryLedgers;
  #isClosed = false;

  constructor(clock: Pick<Clock, 'now'>, { maxEntries, maxBytes, maxAccounts }: MemoryBounds) {
    const now = () => clock.now();
    this.#now = now;
    const bytesOf = (key: string, { bytes }: Value) => key.length + bytes.length;
    this.#values = new Shelf({ now, most: maxEntries, mostBytes: maxBytes, bytesOf });
    this.#counters = new Shelf({ now, most: maxAccounts });
    this.#tallies = new MemoryTallies(now, maxAccounts);
    this.#ledgers = new MemoryLedgers(now, maxAccounts);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#in().#values.get(key)?.bytes;
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    this.#in().#values.set(key, { bytes: value.slice(), expiresMs: this.#now() + ttlMs });
  }

  async compareAndSet(
    key: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    ttlMs: number,
  ): Promise<boolean> {
    if (!matches(this.#in().#values.get(key)?.bytes, expected)) return false;
    if (next) this.#values.set(key, { bytes: next.slice(), expiresMs: this.#now() + ttlMs });
    else this.#values.delete(key);
    return true;
  }

  async delete(key: string): Promise<void> {
    this.#in().#values.delete(key);
    this.#counters.delete(key);
  }

  async add(key: string, delta: number, ttlMs: number): Promise<number> {
    const known = this.#in().#counters.get(key);
    const sum = (known?.sum ?? 0) + delta;
    this.#counters.set(key, { sum, expiresMs: known?.expiresMs ?? this.#now() + ttlMs });
    return sum;
  }

  async keys(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    const found = this.#in()
      .#values.keys()
      .filter((key) => key.startsWith(prefix) && key > after);
    return found.sort().slice(0, limit);
  }

  async tally(tally: Tally): Promise<void> {
    this.#in().#tallies.tally(tally);
  }

  async tallied(table: string): Promise<ReadonlyMap<string, number>> {
    return this.#in().#tallies.tallied(table);
  }

  async reserve(reservation: Reservation): Promise<Reserved> {
    return this.#in().#ledgers.reserve(reservation);
  }

  async settle(settlement: Settlement): Promise<void> {
    this.#in().#ledgers.settle(settlement);
  }

  async refund(ledger: string, id: string): Promise<void> {
    this.#in().#ledgers.refund(ledger, id);
  }

  async balances(ledger: string, accounts: readonly string[]): Promise<readonly Balance[]> {
    return accounts.map((account) => this.#in().#ledgers.balance(ledger, account));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #in(): this {
    if (this.#isClosed) throw new StoreError('closed');
    return this;
  }
}
