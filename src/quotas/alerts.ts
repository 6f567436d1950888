import type { Tell } from '../core/news.ts';
import type { Balance } from '../stores/store.ts';
import type { Account } from './accounts.ts';

/** So many are remembered; of more than that, some may be told twice. */
const MAX_TOLD = 10_000;

/** Tells, once for each window, that an account has passed a share of its limit. */
export class Alerts {
  readonly #at: readonly number[];
  readonly #tell: Tell;
  /** By account: the highest share that was told. */
  readonly #told = new Map<string, number>();

  /** `at`: shares, lowest first. */
  constructor(at: readonly number[], tell: Tell) {
    this.#at = at;
    this.#tell = tell;
  }

  look(account: Account, balance: Balance | undefined): void {
    if (!balance) return;
    const used = (balance.spent + balance.held) / account.limit.amount;
    this.#passed(account, used);
  }

  /** There was no room for a call. */
  reached(account: Account): void {
    this.#passed(account, 1);
  }

  #passed(account: Account, used: number): void {
    const share = this.#at.findLast((each) => used >= each);
    if (share === undefined || (this.#told.get(account.id) ?? 0) >= share) return;
    this.#remember(account.id, share);
    const { subject, limit } = account;
    this.#tell({ type: 'limit_alert', subject, limit, share });
  }

  #remember(id: string, share: number): void {
    this.#told.delete(id);
    this.#told.set(id, share);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
  }
}
