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

const balanceOf = ({ spent, held }: Balance): Balance => ({ spent, held });

/** The accounts and reservations of one ledger, in memory. See `Ledgers` for what they do. */
export class MemoryLedger {
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

  reserve({ id, ttlMs, holds }: Omit<Reservation, 'ledger'>): Reserved {
    const now = this.#expire();
    const find = (account: string) => this.#accounts.get(account, now) ?? EMPTY;
    const balances = () => holds.map(({ account }) => balanceOf(find(account)));
    if (this.#open.has(id) || this.#over.get(id)) return { granted: true, balances: balances() };
    const refused = firstRefused(holds, find);
    if (refused !== undefined) return { granted: false, refused, balances: balances() };
    if (this.#open.size >= this.#most) throw new StoreError('full');
    const held = this.#hold(holds, now);
    this.#open.set(id, held);
    this.#due.add(now + ttlMs, id);
    if (this.#due.size > 2 * this.#open.size + FEW) this.#due.keep((each) => this.#open.has(each));
    return { granted: true, balances: held.map(({ account }) => balanceOf(account)) };
  }

  settle({ id, spent }: Omit<Settlement, 'ledger'>): void {
    const now = this.#expire();
    if (this.#over.get(id) === 'done') return;
    const accounts = this.#pinned(spent, now);
    this.#end(id, 'done');
    for (const { account, amount } of accounts) account.spent += amount;
  }

  refund(id: string): void {
    this.#expire();
    if (this.#over.get(id) !== 'done') this.#end(id, 'done');
  }

  balance(account: string): Balance {
    return balanceOf(this.#accounts.get(account, this.#expire()) ?? EMPTY);
  }

  /** All or none: the accounts are there before the first amount is held. */
  #hold(holds: readonly Hold[], now: number): readonly Held[] {
    const held = this.#pinned(holds, now);
    for (const { account, amount } of held) account.held += amount;
    return held;
  }

  /** The accounts, made where there was none. None of them goes to make room for another. */
  #pinned(amounts: readonly Amount[], now: number): readonly Held[] {
    const pinned: Held[] = [];
    try {
      for (const amount of amounts) {
        const account = this.#account(amount, now);
        account.held++;
        pinned.push({ account, amount: amount.amount });
      }
      return pinned;
    } finally {
      for (const { account } of pinned) account.held--;
    }
  }

  #account({ account: name, ttlMs }: Amount, now: number): Account {
    const known = this.#accounts.get(name, now);
    if (known) return known;
    const account = { spent: 0, held: 0, expiresMs: now + ttlMs };
    this.#accounts.set(name, account);
    return account;
  }

  /** Gives back what has been held for too long. Gives the time. */
  #expire(): number {
    const now = this.#now();
    for (let id = this.#due.take(now); id !== undefined; id = this.#due.take(now))
      if (this.#open.has(id)) this.#end(id, 'expired');
    return now;
  }

  #end(id: string, state: 'expired' | 'done'): void {
    for (const { account, amount } of this.#open.get(id) ?? []) account.held -= amount;
    this.#open.delete(id);
    this.#over.set(id, state);
  }
}
