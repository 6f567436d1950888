import type { Clock, Timer } from '../core/clock.ts';
import { type Change, keyOf, Pending, type Waiting } from './failover/pending.ts';
import { failureOf, type Mode, Presence, type PresenceSettings } from './failover/presence.ts';
import { SeenLedgers } from './failover/seen.ts';
import {
  type Balance,
  type Hold,
  type Reservation,
  type Reserved,
  type Settlement,
  type Store,
  StoreError,
  type StoreFailure,
  type Tally,
  type Values,
} from './store.ts';

export interface FailoverSettings extends PresenceSettings {
  /** The most changes that wait for the shared store. */
  readonly maxPending: number;
  /** The most accounts and reservations of the shared store that are remembered here, of each. */
  readonly maxSeen: number;
}

export interface FailoverParts {
  readonly clock: Clock;
  readonly settings: FailoverSettings;
  /** Each of its methods answers or fails soon: nobody is kept from waiting for it here. */
  readonly shared: Store;
  /** Makes the store of this process for an outage. */
  readonly local: () => Store;
  /** The shared store came, or went, and then why. */
  readonly changed: (mode: Mode, failure: StoreFailure | undefined) => void;
  /** It failed once more. */
  readonly failed: (failure: StoreFailure) => void;
  /** A change will never reach it. */
  readonly lost: () => void;
  /** It was closed, and so many changes have not reached it. */
  readonly left: (changes: number) => void;
}

/** How the shared store is doing. */
export interface StoreState {
  readonly mode: Mode;
  /** Calls and probes that failed. */
  readonly failures: number;
  /** Changes that wait for it. */
  readonly pending: number;
}

/** A key, a ledger and an id that nobody else has. */
const PROBE = '~probe';
const PROBE_TTL_MS = 10_000;
const BATCH = 64;
/** Calls go on while changes are sent: there may always be new ones. */
const MOST_BATCHES = 1_000;

/**
 * A store that replicas share, with one of this process for the time it is away.
 *
 * No method fails because the shared store does, or waits for it longer than it lets itself be waited for; after it has
 * gone nobody waits for it at all, and it is asked in the background whether it is back. Meanwhile values and counters are
 * those of this process, and begin as nothing. Accounts begin with what was last seen of them, so that an account which n
 * replicas draw on gets at most `limit`, and `limit` less what it had seen from each of them.
 *
 * What was settled, refunded and tallied without the shared store knowing for sure is told to it when it is back, and
 * counts once. Values, counters and removals of that time are not.
 *
 * Errors: StoreError, if the store of this process has no room, or all is closed.
 */
export class FailoverStore implements Store {
  readonly #parts: FailoverParts;
  readonly #presence: Presence;
  readonly #pending: Pending;
  readonly #seen: SeenLedgers;
  #local: Store;
  #topUps = 0;
  #sending: Promise<boolean> | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: FailoverParts) {
    const { clock, settings, shared, local } = parts;
    this.#parts = parts;
    this.#local = local();
    this.#seen = new SeenLedgers(() => clock.now(), settings.maxSeen);
    this.#pending = new Pending(settings.maxPending, parts.lost);
    this.#presence = new Presence({
      clock,
      settings,
      probe: () => probe(shared),
      beforeReturn: () => this.#deliver(),
      changed: (mode, failure) => this.#changed(mode, failure),
      failed: parts.failed,
    });
  }

  /** Looks for the shared store, and waits a little for it. */
  start(): Promise<void> {
    return this.#presence.start();
  }

  state(): StoreState {
    return { mode: this.#presence.mode, failures: this.#presence.failures, pending: this.#pending.size };
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#either((store) => store.get(key));
  }

  put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    return this.#either((store) => store.put(key, value, ttlMs));
  }

  compareAndSet(
    key: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    ttlMs: number,
  ): Promise<boolean> {
    return this.#either((store) => store.compareAndSet(key, expected, next, ttlMs));
  }

  delete(key: string): Promise<void> {
    return this.#either((store) => store.delete(key));
  }

  add(key: string, delta: number, ttlMs: number): Promise<number> {
    return this.#either((store) => store.add(key, delta, ttlMs));
  }

  keys(prefix: string, limit: number, after?: string): Promise<readonly string[]> {
    return this.#either((store) => store.keys(prefix, limit, after));
  }

  tallied(table: string): Promise<ReadonlyMap<string, number>> {
    return this.#either((store) => store.tallied(table));
  }

  async tally(tally: Tally): Promise<void> {
    if (await this.#tell({ type: 'tally', tally })) return;
    await quietly(this.#local.tally(tally));
  }

  async reserve(reservation: Reservation): Promise<Reserved> {
    const { ledger, id, holds } = reservation;
    const accounts = holds.map(({ account }) => account);
    if (this.#seen.grantedAt(ledger, id)) return { granted: true, balances: await this.balances(ledger, accounts) };
    const isTried = this.#presence.mode === 'shared';
    const shared = await this.#ask((store) => store.reserve(reservation));
    if (shared) {
      this.#seen.saw(ledger, holds, shared.answer.balances);
      if (shared.answer.granted) this.#seen.granted(reservation, 'shared');
      return shared.answer;
    }
    await this.#topUp(ledger, holds.flatMap(accountsOf));
    const answer = await this.#local.reserve(reservation);
    // If it is refused here and was granted there, its time there runs out. To refund it would spoil its id.
    if (answer.granted) this.#seen.granted(reservation, isTried ? 'unsure' : 'local');
    return answer;
  }

  async settle(settlement: Settlement): Promise<void> {
    const { ledger, id } = settlement;
    // What was granted by the shared store is part of what was seen of it, and counted here as spent.
    if (this.#seen.grantedAt(ledger, id) !== 'shared') await quietly(this.#local.settle(settlement));
    if (await this.#tell({ type: 'settle', settlement })) this.#seen.settled(settlement);
    else this.#seen.forget(ledger, id);
  }

  async refund(ledger: string, id: string): Promise<void> {
    if (this.#seen.grantedAt(ledger, id) !== 'shared') await quietly(this.#local.refund(ledger, id));
    if (await this.#tell({ type: 'refund', ledger, id })) this.#seen.ended(ledger, id);
    else this.#seen.forget(ledger, id);
  }

  async balances(ledger: string, accounts: readonly string[]): Promise<readonly Balance[]> {
    const shared = await this.#ask((store) => store.balances(ledger, accounts));
    if (shared) return shared.answer;
    await this.#topUp(ledger, accounts);
    return this.#local.balances(ledger, accounts);
  }

  /**
   * The values of the shared store alone, for what must not be taken for nothing while it is away: then each method fails
   * with `unreachable`.
   */
  get sharedValues(): Values {
    return {
      get: (...asked) => this.#surely((store) => store.get(...asked)),
      put: (...asked) => this.#surely((store) => store.put(...asked)),
      compareAndSet: (...asked) => this.#surely((store) => store.compareAndSet(...asked)),
      delete: (...asked) => this.#surely((store) => store.delete(...asked)),
      keys: (...asked) => this.#surely((store) => store.keys(...asked)),
    };
  }

  /** Tells the shared store what waits for it, if it is there. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#deliver();
    this.#isClosed = true;
    if (this.#pending.size > 0) this.#parts.left(this.#pending.size);
    this.#presence.close();
    this.#timer?.cancel();
    await Promise.all([quietly(this.#parts.shared.close()), this.#local.close()]);
  }

  async #either<Answer>(question: (store: Store) => Promise<Answer>): Promise<Answer> {
    const shared = await this.#ask(question);
    return shared ? shared.answer : question(this.#local);
  }

  async #surely<Answer>(question: (store: Store) => Promise<Answer>): Promise<Answer> {
    const shared = await this.#ask(question);
    if (!shared) throw new StoreError('unreachable');
    return shared.answer;
  }

  /** What the shared store answers. Undefined: it is away, or failed. */
  async #ask<Answer>(question: (store: Store) => Promise<Answer>): Promise<{ readonly answer: Answer } | undefined> {
    if (this.#presence.mode === 'local') return undefined;
    try {
      const answer = await question(this.#parts.shared);
      this.#presence.worked();
      return { answer };
    } catch (error) {
      this.#presence.failed(failureOf(error));
      return undefined;
    }
  }

  /** Tells the shared store now, or later. False: later. What waits must not be overtaken by what undoes it. */
  async #tell(change: Change): Promise<boolean> {
    if (this.#pending.has(keyOf(change))) return false;
    const sentMs = this.#presence.mode === 'shared' ? this.#parts.clock.now() : undefined;
    if (await this.#ask((store) => apply(store, change))) return true;
    this.#pending.add(change, sentMs);
    this.#deliverSoon();
    return false;
  }

  /** While it is away, its return sees to that. */
  #deliverSoon(): void {
    if (this.#timer || this.#presence.mode === 'local' || this.#pending.size === 0 || this.#isClosed) return;
    this.#timer = this.#parts.clock.after(this.#parts.settings.probeMs, () => {
      this.#timer = undefined;
      void this.#deliver().then(() => this.#deliverSoon());
    });
  }

  #deliver(): Promise<boolean> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  /** False: it failed again. */
  async #sendAll(): Promise<boolean> {
    for (let batch = 0; batch < MOST_BATCHES && this.#pending.size > 0 && !this.#isClosed; batch++) {
      const sent = await Promise.all(this.#pending.first(BATCH).map((waiting) => this.#send(waiting)));
      if (sent.includes(false)) return false;
    }
    return true;
  }

  async #send(waiting: Waiting): Promise<boolean> {
    if (!this.#pending.maySend(waiting, this.#parts.clock.now())) return true;
    try {
      await apply(this.#parts.shared, waiting.change);
      this.#pending.arrived(waiting);
      return true;
    } catch (error) {
      const failure = failureOf(error);
      if (failure === 'refused') this.#pending.refused(waiting);
      this.#presence.failed(failure);
      return false;
    }
  }

  /** The local store begins anew if the shared one knows all that was spent here. */
  #changed(mode: Mode, failure: StoreFailure | undefined): void {
    if (mode === 'local' && this.#pending.size === 0) this.#local = this.#parts.local();
    this.#parts.changed(mode, failure);
    this.#deliverSoon();
  }

  /** Sees to it that at least as much of an account is drawn here as was last seen to be drawn. */
  async #topUp(ledger: string, accounts: readonly string[]): Promise<void> {
    for (const account of new Set(accounts)) {
      const seen = this.#seen.account(ledger, account);
      const [local] = seen ? await this.#local.balances(ledger, [account]) : [];
      if (!seen || !local) continue;
      const amount = seen.spent + seen.held - local.spent - local.held;
      const ttlMs = Math.max(seen.expiresMs - this.#parts.clock.now(), 1);
      const id = `seen ${++this.#topUps}`;
      if (amount > 0) await quietly(this.#local.settle({ ledger, id, spent: [{ account, amount, ttlMs }] }));
    }
  }
}

const accountsOf = ({ account, carried }: Hold): readonly string[] =>
  carried ? [account, carried.account] : [account];

/** Finds out what a mere question does not: that the store may only be read, is full, or runs no scripts. */
async function probe(store: Store): Promise<void> {
  await Promise.all([store.put(PROBE, new Uint8Array(1), PROBE_TTL_MS), store.refund(PROBE, PROBE)]);
}

function apply(store: Store, change: Change): Promise<void> {
  switch (change.type) {
    case 'settle':
      return store.settle(change.settlement);
    case 'refund':
      return store.refund(change.ledger, change.id);
    case 'tally':
      return store.tally(change.tally);
  }
}

/** The shared store learns of it in any case: a local one without room is no reason to fail. */
const quietly = (work: Promise<void>): Promise<void> => work.catch(() => undefined);
