import { firstRefused } from '../room.ts';
import {
  type Amount,
  type Balance,
  type Hold,
  type Reservation,
  type Reserved,
  type Settlement,
  StoreError,
} from '../store.ts';
import { Due } from './due.ts';
import { Recent } from './recent.ts';
import { Shelf } from './shelf.ts';

interface Account {
  spent: number;
  held: number;
  readonly expiresMs: number;
}

/** What is held, and in which life of the account: one that was forgotten and began anew owes it nothing. */
interface Held {
  readonly account: Account;
  readonly amount: number;
}

const EMPTY: Balance = { spent: 0, held: 0 };
/** So many that have ended before their time are not worth tidying up. */
const FEW = 1_000;
/** Nothing that is printable, so that no two pairs give the same text. */
const BETWEEN = '\n';

/** Accounts and reservations in memory. See `Ledgers` for what they do. */
export class MemoryLedgers {
  readonly #now: () => number;
  readonly #most: number;
  readonly #accounts: Shelf<Account>;
  readonly #open = new Map<string, readonly Held[]>();
  readonly #due = new Due<string>();
  readonly #over: Recent<'expired' | 'done'>;

  /** `most`: accounts, reservations that are open, and ids that are remembered, of each. */
  constructor(now: () => number, most: number) {
    this.#now = now;
    this.#most = most;
    this.#accounts = new Shelf({ now, most, isPinned: ({ held }) => held > 0 });
    this.#over = new Recent(now, most);
  }

  reserve({ ledger, id, ttlMs, holds }: Reservation): Reserved {
    this.#expire();
    const key = ledger + BETWEEN + id;
    const balances = () => holds.map(({ account }) => this.balance(ledger, account));
    if (this.#open.has(key) || this.#over.get(key)) return { granted: true, balances: balances() };
    const refused = firstRefused(holds, (account) => this.balance(ledger, account));
    if (refused !== undefined) return { granted: false, refused, balances: balances() };
    if (this.#open.size >= this.#most) throw new StoreError('full');
    this.#hold(key, ledger, holds);
    this.#due.add(this.#now() + ttlMs, key);
    if (this.#due.size > 2 * this.#open.size + FEW) this.#due.keep((each) => this.#open.has(each));
    return { granted: true, balances: balances() };
  }

  settle({ ledger, id, spent }: Settlement): void {
    this.#expire();
    const key = ledger + BETWEEN + id;
    if (this.#over.get(key) === 'done') return;
    const accounts = this.#pinned(ledger, spent);
    this.#end(key, 'done');
    for (const [i, { amount }] of spent.entries()) {
      const account = accounts[i];
      if (account) account.spent += amount;
    }
  }

  refund(ledger: string, id: string): void {
    this.#expire();
    const key = ledger + BETWEEN + id;
    if (this.#over.get(key) !== 'done') this.#end(key, 'done');
  }

  balance(ledger: string, account: string): Balance {
    this.#expire();
    const { spent, held } = this.#accounts.get(ledger + BETWEEN + account) ?? EMPTY;
    return { spent, held };
  }

  /** All or none: the accounts are there before the first amount is held. */
  #hold(key: string, ledger: string, holds: readonly Hold[]): void {
    const accounts = this.#pinned(ledger, holds);
    const held = holds.flatMap(({ amount }, i) => {
      const account = accounts[i];
      return account ? [{ account, amount }] : [];
    });
    for (const { account, amount } of held) account.held += amount;
    this.#open.set(key, held);
  }

  /** The accounts, made where there was none. None of them goes to make room for another. */
  #pinned(ledger: string, amounts: readonly Amount[]): Account[] {
    const pinned: Account[] = [];
    try {
      for (const amount of amounts) {
        const account = this.#account(ledger, amount);
        account.held++;
        pinned.push(account);
      }
      return pinned;
    } finally {
      for (const account of pinned) account.held--;
    }
  }

  #account(ledger: string, { account: name, ttlMs }: Amount): Account {
    const key = ledger + BETWEEN + name;
    const known = this.#accounts.get(key);
    if (known) return known;
    const account = { spent: 0, held: 0, expiresMs: this.#now() + ttlMs };
    this.#accounts.set(key, account);
    return account;
  }

  /** Gives back what has been held for too long. */
  #expire(): void {
    const now = this.#now();
    for (let key = this.#due.take(now); key !== undefined; key = this.#due.take(now))
      if (this.#open.has(key)) this.#end(key, 'expired');
  }

  #end(key: string, state: 'expired' | 'done'): void {
    for (const { account, amount } of this.#open.get(key) ?? []) account.held -= amount;
    this.#open.delete(key);
    this.#over.set(key, state);
  }
}
