import { REMEMBERED_MS, type Settlement, type Tally } from '../store.ts';

/** A change that the shared store may not have, and counts once however often it gets it. */
export type Change =
  | { readonly type: 'settle'; readonly settlement: Settlement }
  | { readonly type: 'refund'; readonly ledger: string; readonly id: string }
  | { readonly type: 'tally'; readonly tally: Tally };

/** A change that waits for the shared store. */
export interface Waiting {
  readonly key: string;
  readonly change: Change;
  /** When it was first sent. It may have arrived. Undefined: it was not. */
  sentMs: number | undefined;
  refusals: number;
}

/** A change that is refused so often is not the store's fault. */
const MOST_REFUSALS = 3;
/** Before the store forgets what it has counted. */
const SAFE_MS = 0.9 * REMEMBERED_MS;

export const ledgerKey = (ledger: string, id: string): string => `l\n${ledger}\n${id}`;

export function keyOf(change: Change): string {
  if (change.type === 'tally') return `t\n${change.tally.table}\n${change.tally.id}`;
  return change.type === 'settle'
    ? ledgerKey(change.settlement.ledger, change.settlement.id)
    : ledgerKey(change.ledger, change.id);
}

/** Changes that wait for the shared store, in order, up to a bound. Beyond it they are lost, and counted. */
export class Pending {
  readonly #most: number;
  readonly #lost: () => void;
  readonly #waiting = new Map<string, Waiting>();

  constructor(most: number, lost: () => void) {
    this.#most = most;
    this.#lost = lost;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** The first change of an id stays. */
  add(change: Change, sentMs: number | undefined): void {
    const key = keyOf(change);
    if (this.#waiting.has(key)) return;
    if (this.#waiting.size >= this.#most) this.#lost();
    else this.#waiting.set(key, { key, change, sentMs, refusals: 0 });
  }

  first(most: number): readonly Waiting[] {
    const found: Waiting[] = [];
    for (const waiting of this.#waiting.values()) {
      if (found.length === most) break;
      found.push(waiting);
    }
    return found;
  }

  arrived({ key }: Waiting): void {
    this.#waiting.delete(key);
  }

  /** It is lost if it was refused too often. */
  refused(waiting: Waiting): void {
    if (++waiting.refusals >= MOST_REFUSALS) this.#lose(waiting);
  }

  /** Whether it may be sent. If it may have arrived so long ago that it could count twice, it is lost. */
  maySend(waiting: Waiting, nowMs: number): boolean {
    waiting.sentMs ??= nowMs;
    if (nowMs - waiting.sentMs <= SAFE_MS) return true;
    this.#lose(waiting);
    return false;
  }

  #lose(waiting: Waiting): void {
    this.#waiting.delete(waiting.key);
    this.#lost();
  }
}
