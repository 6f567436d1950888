/**
 * What outlives a call and, behind some stores, the process; replicas may share it.
 *
 * Keys are texts of at most 512 bytes of printable ASCII. Numbers are integers from 0 to 2^53 - 1 unless a field says
 * otherwise. Times to live are in milliseconds, at least 1. What has outlived its time is as if it had never been there.
 *
 * Values, counters, tables and ledgers have names of their own each: a value and a counter may have the same key.
 *
 * Errors, of every method: StoreError. Then it is not known whether a change was made; all changes but `add`, `put` and
 * `compareAndSet` may be repeated, since they carry an id and count once.
 */
export interface Store extends Ledgers {
  /** Undefined: there is none. The bytes must not be changed. */
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  /** Puts `next` (undefined: removes what is there), if `expected` is there (undefined: nothing). False: it was not. */
  compareAndSet(
    key: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    ttlMs: number,
  ): Promise<boolean>;
  /** Removes the value and the counter of this key. */
  delete(key: string): Promise<void>;
  /** Adds a number of any sign to a counter, and gives the sum. Its time to live begins with the first addition. */
  add(key: string, delta: number, ttlMs: number): Promise<number>;
  /**
   * The keys of values that begin with this and come after `after`, in order of their bytes, at most `limit`. It may look
   * at every key there is: for operators, not for calls.
   */
  keys(prefix: string, limit: number, after?: string): Promise<readonly string[]>;
  /** Adds to the counters of a table, once for each id. The table's time to live begins with the first addition. */
  tally(tally: Tally): Promise<void>;
  /** All counters of a table. */
  tallied(table: string): Promise<ReadonlyMap<string, number>>;
  /** Lets go of files, connections and timers. What is under way fails. */
  close(): Promise<void>;
}

/** The part of a store that keeps values. */
export type Values = Pick<Store, 'get' | 'put' | 'compareAndSet' | 'delete' | 'keys'>;

/**
 * Accounts that are drawn on by reservation: what a call may need is held before it begins, and what it did need is
 * spent when it ends. A ledger is a set of accounts that are changed together.
 *
 * Whatever is held is given back once: by `settle`, by `refund`, or when the reservation's time is up, as after a crash.
 * Ids are remembered for an hour after that, as far as the store has room for them.
 */
export interface Ledgers {
  /**
   * Holds all amounts, or none if one of the accounts has no room for its own. Again with an id that was granted, however
   * it ended: granted, and nothing more is held. One that was refused left nothing behind, and is decided anew.
   */
  reserve(reservation: Reservation): Promise<Reserved>;
  /**
   * Gives back what this id still holds, and spends the amounts, once for each id: also if the reservation's time is up,
   * or there never was one. There is no limit to what is spent: it has been used.
   */
  settle(settlement: Settlement): Promise<void>;
  /**
   * Gives back what this id still holds, and spends nothing. After it, or after `settle`, the other does nothing. If it
   * overtakes its reservation, that one holds nothing.
   */
  refund(ledger: string, id: string): Promise<void>;
  /** In the order of the accounts. One that is not known is empty. */
  balances(ledger: string, accounts: readonly string[]): Promise<readonly Balance[]>;
}

export interface Reservation {
  readonly ledger: string;
  /** Unique among the reservations of the ledger. */
  readonly id: string;
  /** After so long, what is held is given back. */
  readonly ttlMs: number;
  readonly holds: readonly Hold[];
}

export interface Hold extends Amount {
  /** The account has room if what is spent and held, with this amount, is not more. */
  readonly limit: number;
  /** A share of what another account has spent and holds counts too: that of the window before, where windows slide. */
  readonly carried?: Carried;
}

export interface Carried {
  readonly account: string;
  /** From 0 to 1. */
  readonly share: number;
}

export interface Amount {
  readonly account: string;
  readonly amount: number;
  /** How long the account is kept after it was first used: longer than it is drawn on. Then it is empty again. */
  readonly ttlMs: number;
}

export interface Settlement {
  readonly ledger: string;
  readonly id: string;
  /** They need not be those that were held. */
  readonly spent: readonly Amount[];
}

export type Reserved =
  | {
      readonly granted: true;
      /** After it, in the order of the holds. */
      readonly balances: readonly Balance[];
    }
  | {
      readonly granted: false;
      /** The index of the first hold that there was no room for. */
      readonly refused: number;
      readonly balances: readonly Balance[];
    };

export interface Balance {
  readonly spent: number;
  readonly held: number;
}

export interface Tally {
  readonly table: string;
  /** Unique among those of the table, for as long as it may be repeated: at least an hour. */
  readonly id: string;
  readonly counts: ReadonlyMap<string, number>;
  readonly ttlMs: number;
}

/** How long the ids of ledgers and tables are remembered. */
export const REMEMBERED_MS = 60 * 60 * 1000;

/** Why a store did not do what it was asked to. */
export type StoreFailure =
  /** There is no connection, or it broke. */
  | 'unreachable'
  /** No answer in the time allowed for one. */
  | 'timeout'
  /** It may only be read, as a replica after a failover. */
  | 'read_only'
  /** It has no room left. */
  | 'full'
  /** Anything else, such as a wrong password. */
  | 'refused'
  /** It was closed. */
  | 'closed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly failure: StoreFailure;

  /** `cause` is for the log: a code, or a text without addresses and values. */
  constructor(failure: StoreFailure, cause?: unknown) {
    super(`The store failed: ${failure}.`, { cause });
    this.failure = failure;
  }
}
