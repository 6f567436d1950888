import { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { type FileOptions, SqliteFile } from './sqlite/file.ts';
import { SqliteLedgers } from './sqlite/ledgers.ts';
import { sweep } from './sqlite/sweep.ts';
import {
  type Balance,
  REMEMBERED_MS,
  type Reservation,
  type Reserved,
  type Settlement,
  type Store,
  type Tally,
} from './store.ts';

/** After so many changes some rows that have outlived their time are removed: more than those changes can have made. */
const CHANGES_PER_SWEEP = 20;
/** Above everything printable. */
const LAST = '\x7f';

const SELECT_CELL = 'SELECT value FROM cells WHERE key = ? AND expires > ?';
const PUT_CELL = 'INSERT OR REPLACE INTO cells VALUES (?, ?, ?)';
const ADD_COUNTER = `INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
  sum = iif(expires > ?4, sum, 0) + excluded.sum, expires = iif(expires > ?4, expires, excluded.expires) RETURNING sum`;
const ADD_COUNT = 'INSERT INTO tally_counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count';
const SELECT_COUNTS = `SELECT counter, count FROM tally_counts
  WHERE name = ?1 AND EXISTS (SELECT 1 FROM tallies WHERE name = ?1 AND expires > ?2)`;

/**
 * A store in a file, which lasts, and which several processes of a machine may share. Time is the wall's. Every call
 * blocks the event loop, by some tens of microseconds; if another process holds the file, by at most a second.
 */
export class SqliteStore implements Store {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #file: SqliteFile;
  readonly #ledgers: SqliteLedgers;
  #changes = 0;

  /** Errors: one that says what is wrong with the file, and what to do. */
  constructor(clock: Pick<Clock, 'wallMs'>, options: FileOptions) {
    this.#clock = clock;
    this.#file = new SqliteFile(options);
    this.#ledgers = new SqliteLedgers(this.#file);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#cell(key, this.#now());
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    this.#change((now) => this.#file.run(PUT_CELL, key, value, now + ttlMs));
  }

  async compareAndSet(
    key: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    ttlMs: number,
  ): Promise<boolean> {
    return this.#change((now) => {
      const found = this.#cell(key, now);
      const isThere = found && expected ? Buffer.compare(found, expected) === 0 : found === expected;
      if (!isThere) return false;
      if (next) this.#file.run(PUT_CELL, key, next, now + ttlMs);
      else this.#file.run('DELETE FROM cells WHERE key = ?', key);
      return true;
    });
  }

  async delete(key: string): Promise<void> {
    this.#change(() => {
      this.#file.run('DELETE FROM cells WHERE key = ?', key);
      this.#file.run('DELETE FROM counters WHERE key = ?', key);
    });
  }

  async add(key: string, delta: number, ttlMs: number): Promise<number> {
    return this.#change((now) => Number(this.#file.one(ADD_COUNTER, key, delta, now + ttlMs, now)?.sum));
  }

  async keys(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    const sql = 'SELECT key FROM cells WHERE key >= ? AND key < ? AND key > ? AND expires > ? ORDER BY key LIMIT ?';
    return this.#file.all(sql, prefix, prefix + LAST, after, this.#now(), limit).map(({ key }) => String(key));
  }

  async tally({ table, id, counts, ttlMs }: Tally): Promise<void> {
    this.#change((now) => {
      if (this.#file.one('SELECT 1 FROM tally_ids WHERE name = ? AND id = ? AND expires > ?', table, id, now)) return;
      this.#file.run('INSERT OR REPLACE INTO tally_ids VALUES (?, ?, ?)', table, id, now + REMEMBERED_MS);
      if (!this.#file.one('SELECT 1 FROM tallies WHERE name = ? AND expires > ?', table, now)) {
        this.#file.run('DELETE FROM tally_counts WHERE name = ?', table);
        this.#file.run('INSERT OR REPLACE INTO tallies VALUES (?, ?)', table, now + ttlMs);
      }
      for (const [counter, count] of counts) this.#file.run(ADD_COUNT, table, counter, count);
    });
  }

  async tallied(table: string): Promise<ReadonlyMap<string, number>> {
    const rows = this.#file.all(SELECT_COUNTS, table, this.#now());
    return new Map(rows.map(({ counter, count }) => [String(counter), Number(count)]));
  }

  async reserve(reservation: Reservation): Promise<Reserved> {
    return this.#change((now) => this.#ledgers.reserve(reservation, now));
  }

  async settle(settlement: Settlement): Promise<void> {
    this.#change((now) => this.#ledgers.settle(settlement, now));
  }

  async refund(ledger: string, id: string): Promise<void> {
    this.#change((now) => this.#ledgers.refund(ledger, id, now));
  }

  async balances(ledger: string, accounts: readonly string[]): Promise<readonly Balance[]> {
    if (this.#ledgers.isDue(this.#now())) this.#change((now) => this.#ledgers.expire(now));
    return accounts.map((account) => this.#ledgers.balance(ledger, account, this.#now()));
  }

  async close(): Promise<void> {
    this.#file.close();
  }

  #now(): number {
    return Math.floor(this.#clock.wallMs());
  }

  #cell(key: string, now: number): Uint8Array | undefined {
    const value = this.#file.one(SELECT_CELL, key, now)?.value;
    return value instanceof Uint8Array ? value : undefined;
  }

  #change<Result>(work: (now: number) => Result): Result {
    return this.#file.change(() => {
      const now = this.#now();
      if (++this.#changes % CHANGES_PER_SWEEP === 0) sweep(this.#file, now);
      return work(now);
    });
  }
}
