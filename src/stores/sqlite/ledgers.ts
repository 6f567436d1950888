import { firstRefused } from '../room.ts';
import {
  type Amount,
  type Balance,
  REMEMBERED_MS,
  type Reservation,
  type Reserved,
  type Settlement,
} from '../store.ts';
import type { SqliteFile } from './file.ts';

/** How many reservations whose time is up are given back in one step. */
const STEP = 100;

/** Account, amount, and until when the account is kept: that tells it from one that began anew. */
type Held = readonly (readonly [account: string, amount: number, expires: number])[];

const SELECT_ACCOUNT = 'SELECT spent, held, expires FROM accounts WHERE ledger = ? AND account = ? AND expires > ?';
const INSERT_ACCOUNT = `INSERT INTO accounts VALUES (?, ?, 0, 0, ?)
  ON CONFLICT DO UPDATE SET spent = 0, held = 0, expires = excluded.expires`;
const CHANGE_HELD = 'UPDATE accounts SET held = held + ? WHERE ledger = ? AND account = ? AND expires = ?';
const ADD_SPENT = 'UPDATE accounts SET spent = spent + ? WHERE ledger = ? AND account = ?';
const SELECT_RESERVATION = 'SELECT state, held FROM reservations WHERE ledger = ? AND id = ?';
const PUT_RESERVATION = 'INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?)';
const SELECT_DUE = "SELECT ledger, id, held FROM reservations WHERE state = 'open' AND due <= ? ORDER BY due LIMIT ?";

/** Accounts and reservations in a file. See `Ledgers` for what they do. To be called within a change. */
export class SqliteLedgers {
  readonly #file: SqliteFile;

  constructor(file: SqliteFile) {
    this.#file = file;
  }

  reserve({ ledger, id, ttlMs, holds }: Reservation, now: number): Reserved {
    this.expire(now);
    const balances = () => holds.map(({ account }) => this.balance(ledger, account, now));
    if (this.#file.one(SELECT_RESERVATION, ledger, id)) return { granted: true, balances: balances() };
    const refused = firstRefused(holds, (account) => this.balance(ledger, account, now));
    if (refused !== undefined) return { granted: false, refused, balances: balances() };
    const held: Held = holds.map((each) => [each.account, each.amount, this.#account(ledger, each, now)]);
    for (const [account, amount, expires] of held) this.#file.run(CHANGE_HELD, amount, ledger, account, expires);
    this.#file.run(PUT_RESERVATION, ledger, id, 'open', now + ttlMs, JSON.stringify(held));
    return { granted: true, balances: balances() };
  }

  settle({ ledger, id, spent }: Settlement, now: number): void {
    this.expire(now);
    if (!this.#end(ledger, id, now)) return;
    for (const each of spent) {
      this.#account(ledger, each, now);
      this.#file.run(ADD_SPENT, each.amount, ledger, each.account);
    }
  }

  refund(ledger: string, id: string, now: number): void {
    this.expire(now);
    this.#end(ledger, id, now);
  }

  balance(ledger: string, account: string, now: number): Balance {
    const row = this.#file.one(SELECT_ACCOUNT, ledger, account, now);
    return { spent: Number(row?.spent ?? 0), held: Number(row?.held ?? 0) };
  }

  /** Whether something is held for longer than it should be. */
  isDue(now: number): boolean {
    return this.#file.one(SELECT_DUE, now, 1) !== undefined;
  }

  expire(now: number): void {
    for (const { ledger, id, held } of this.#file.all(SELECT_DUE, now, STEP)) {
      this.#giveBack(String(ledger), held);
      this.#file.run(PUT_RESERVATION, String(ledger), String(id), 'expired', now + REMEMBERED_MS, '[]');
    }
  }

  /** Until when the account is kept. It is made if there is none. */
  #account(ledger: string, { account, ttlMs }: Amount, now: number): number {
    const known = this.#file.one(SELECT_ACCOUNT, ledger, account, now);
    if (known) return Number(known.expires);
    this.#file.run(INSERT_ACCOUNT, ledger, account, now + ttlMs);
    return now + ttlMs;
  }

  /** False: it had ended before. */
  #end(ledger: string, id: string, now: number): boolean {
    const known = this.#file.one(SELECT_RESERVATION, ledger, id);
    if (known?.state === 'done') return false;
    if (known) this.#giveBack(ledger, known.held);
    this.#file.run(PUT_RESERVATION, ledger, id, 'done', now + REMEMBERED_MS, '[]');
    return true;
  }

  #giveBack(ledger: string, held: unknown): void {
    for (const [account, amount, expires] of JSON.parse(String(held)) as Held)
      this.#file.run(CHANGE_HELD, -amount, ledger, account, expires);
  }
}
