import { Shelf } from '../memory/shelf.ts';
import type { Balance, Hold, Reservation, Settlement } from '../store.ts';
import { ledgerKey } from './pending.ts';

/** An account of the shared store, as it was seen last. */
interface Seen {
  readonly spent: number;
  readonly held: number;
  readonly expiresMs: number;
}

/** Where a reservation was granted. `unsure`: here, and the shared store may hold it, too. */
export type GrantedAt = 'shared' | 'local' | 'unsure';

interface Granted {
  readonly at: GrantedAt;
  readonly holds: readonly Hold[];
  readonly expiresMs: number;
}

/** What is remembered here of the shared store's ledgers, up to a bound of accounts and of reservations each. */
export class SeenLedgers {
  readonly #now: () => number;
  readonly #accounts: Shelf<Seen>;
  readonly #granted: Shelf<Granted>;

  constructor(now: () => number, most: number) {
    this.#now = now;
    this.#accounts = new Shelf({ now, most });
    this.#granted = new Shelf({ now, most });
  }

  granted({ ledger, id, ttlMs, holds }: Reservation, at: GrantedAt): void {
    this.#granted.set(ledgerKey(ledger, id), { at, holds, expiresMs: this.#now() + ttlMs });
  }

  grantedAt(ledger: string, id: string): GrantedAt | undefined {
    return this.#granted.get(ledgerKey(ledger, id))?.at;
  }

  /** Undefined: it was not seen, or has outlived its time. */
  account(ledger: string, account: string): Seen | undefined {
    return this.#accounts.get(ledgerKey(ledger, account));
  }

  /** These are the balances now. `ttlMs`: for accounts that are new here. */
  saw(ledger: string, accounts: readonly { account: string; ttlMs: number }[], balances: readonly Balance[]): void {
    for (const [i, { account, ttlMs }] of accounts.entries()) {
      const { spent, held } = balances[i] ?? { spent: 0, held: 0 };
      this.#set(ledger, account, spent, held, ttlMs);
    }
  }

  /** The shared store has given back what this id held, and spent what it needed. */
  settled({ ledger, id, spent }: Settlement): void {
    this.ended(ledger, id);
    for (const { account, amount, ttlMs } of spent) {
      const seen = this.account(ledger, account);
      this.#set(ledger, account, (seen?.spent ?? 0) + amount, seen?.held ?? 0, ttlMs);
    }
  }

  /** The shared store has given back what this id held. */
  ended(ledger: string, id: string): void {
    const { at, holds } = this.#granted.get(ledgerKey(ledger, id)) ?? { at: undefined, holds: [] };
    this.forget(ledger, id);
    if (at !== 'shared') return;
    for (const { account, amount, ttlMs } of holds) {
      const seen = this.account(ledger, account);
      if (seen) this.#set(ledger, account, seen.spent, Math.max(seen.held - amount, 0), ttlMs);
    }
  }

  forget(ledger: string, id: string): void {
    this.#granted.delete(ledgerKey(ledger, id));
  }

  #set(ledger: string, account: string, spent: number, held: number, ttlMs: number): void {
    const expiresMs = this.account(ledger, account)?.expiresMs ?? this.#now() + ttlMs;
    this.#accounts.set(ledgerKey(ledger, account), { spent, held, expiresMs });
  }
}
