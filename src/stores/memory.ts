import { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { MemoryLedger } from './memory/ledger.ts';
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
   * The most counters, ledgers, and accounts, open reservations and remembered ids of a ledger, of each. Where there are
   * more, those that were not used for longest are forgotten. Ledgers are not, nor what is held: then the store is full.
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
  readonly #ledgers = new Map<string, MemoryLedger>();
  readonly #maxAccounts: number;
  #isClosed = false;

  constructor(clock: Pick<Clock, 'now'>, { maxEntries, maxBytes, maxAccounts }: MemoryBounds) {
    const now = () => clock.now();
    this.#now = now;
    const bytesOf = (key: string, { bytes }: Value) => key.length + bytes.length;
    this.#values = new Shelf({ now, most: maxEntries, mostBytes: maxBytes, bytesOf });
    this.#counters = new Shelf({ now, most: maxAccounts });
    this.#tallies = new MemoryTallies(now, maxAccounts);
    this.#maxAccounts = maxAccounts;
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
    return this.#ledger(reservation.ledger).reserve(reservation);
  }

  async settle(settlement: Settlement): Promise<void> {
    this.#ledger(settlement.ledger).settle(settlement);
  }

  async refund(ledger: string, id: string): Promise<void> {
    this.#ledger(ledger).refund(id);
  }

  async balances(ledger: string, accounts: readonly string[]): Promise<readonly Balance[]> {
    const found = this.#ledger(ledger);
    return accounts.map((account) => found.balance(account));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #ledger(name: string): MemoryLedger {
    const known = this.#in().#ledgers.get(name);
    if (known) return known;
    if (this.#ledgers.size >= this.#maxAccounts) throw new StoreError('full');
    const ledger = new MemoryLedger(this.#now, this.#maxAccounts);
    this.#ledgers.set(name, ledger);
    return ledger;
  }

  #in(): this {
    if (this.#isClosed) throw new StoreError('closed');
    return this;
  }
}
