import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Allowance } from '../core/limits.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { type Amount, type Hold, type Ledgers, type Reserved, StoreError } from '../stores/store.ts';
import { type Account, type Amounts, accountsOf, beyond, holdOf, nothing, plus, spentOn } from './accounts.ts';
import type { Alerts } from './alerts.ts';
import { amountsOf, type Estimate, type Estimator, estimator, usedBy } from './estimate.ts';
import { refusal, unpricedRefusal } from './refusal.ts';
import { type Limited, limitsOfModel, type QuotaSettings } from './settings.ts';
import { slidingWaitMs } from './windows.ts';

export interface MeterParts extends Pick<Estimator, 'price'> {
  readonly ledgers: Ledgers;
  readonly settings: QuotaSettings;
  readonly clock: Clock;
  readonly alerts: Alerts;
  readonly tell: Tell;
  /** Whether an answer comes without a model, and so costs nothing. */
  readonly isFree: (target: Target) => boolean;
  /** How long a call may last that has no deadline. */
  readonly longestCallMs: number;
}

/** All limits are in one, so that they are held together or not at all. */
export const LEDGER = 'limits';

/** A call is over by then: its reservations outlive it by so much, and no crash holds anything for longer. */
const GRACE_MS = 10_000;

/** What one call holds, and what it spends. */
export class Meter implements Allowance {
  readonly #parts: MeterParts;
  readonly #call: Call;
  readonly #callers: readonly Account[];
  readonly #models = new Map<string, readonly Account[]>();
  readonly #estimate: (target: Target) => Estimate;
  readonly #reservations = new Set<string>();
  #reserved = 0;
  /** Of the callers' accounts. */
  #held: Amounts = nothing;
  /** What the tries under way may use. */
  #underWay: Amounts = nothing;

  constructor(parts: MeterParts, call: Call, callers: readonly Limited[]) {
    const { settings, price, clock } = parts;
    this.#parts = parts;
    this.#call = call;
    this.#callers = callers.flatMap((limited) => accountsOf(limited, clock.wallMs()));
    this.#estimate = estimator(call.request, { price, outputTokens: settings.outputTokens });
  }

  /** Holds what the call may use at its first target. Errors: as `cover`. */
  async open(first: Target): Promise<void> {
    const wanted = amountsOf(this.#priced(first, this.#callers), 1);
    await this.#reserve(this.#callers.flatMap((account) => heldBy(account, wanted)));
    this.#held = wanted;
  }

  async cover(target: Target): Promise<(() => void) | undefined> {
    if (this.#parts.isFree(target)) return undefined;
    const models = this.#accountsOf(target);
    const estimate = amountsOf(this.#priced(target, [...this.#callers, ...models]), 0);
    this.#underWay = plus(this.#underWay, estimate);
    const over = () => {
      this.#underWay = beyond(this.#underWay, estimate);
    };
    const lacking = beyond(plus(this.#used(), this.#underWay), this.#held);
    try {
      await this.#reserve([
        ...this.#callers.flatMap((account) => heldBy(account, lacking)),
        ...models.flatMap((account) => heldBy(account, { ...estimate, requests: 1 })),
      ]);
    } catch (thrown) {
      over();
      throw thrown;
    }
    this.#held = plus(this.#held, lacking);
    return over;
  }

  /** Gives back what is held, and spends what was used. Never rejects. */
  async settle(): Promise<void> {
    const { ledgers } = this.#parts;
    const [first = `${this.#call.id}/0`, ...others] = this.#reservations;
    const spent = this.#spent();
    if (spent.length === 0 && this.#reservations.size === 0) return;
    const all = [
      ledgers.settle({ ledger: LEDGER, id: first, spent }),
      ...others.map((id) => ledgers.refund(LEDGER, id)),
    ];
    await Promise.all(all.map((each) => this.#unlessStoreFails(each)));
  }

  #accountsOf(target: Target): readonly Account[] {
    const { settings, clock } = this.#parts;
    const name = `${target.provider}/${target.model}`;
    const known = this.#models.get(name);
    if (known) return known;
    const limited = limitsOfModel(settings, target);
    const accounts = limited ? accountsOf(limited, clock.wallMs()) : [];
    this.#models.set(name, accounts);
    return accounts;
  }

  #priced(target: Target, accounts: readonly Account[]): Estimate {
    const estimate = this.#estimate(target);
    const needsPrice = accounts.some(({ limit }) => limit.unit === 'nano_usd');
    if (estimate.nanoUsd === undefined && needsPrice && !this.#parts.settings.allowUnpriced)
      throw unpricedRefusal(target);
    return estimate;
  }

  async #reserve(held: readonly { readonly hold: Hold; readonly account: Account }[]): Promise<void> {
    if (held.length === 0) return;
    const { ledgers, alerts } = this.#parts;
    const id = `${this.#call.id}/${this.#reserved++}`;
    this.#reservations.add(id);
    const holds = held.map(({ hold }) => hold);
    const reserving = ledgers.reserve({ ledger: LEDGER, id, ttlMs: this.#ttlMs, holds });
    const reserved = await this.#unlessStoreFails<Reserved>(reserving);
    if (!reserved) return;
    for (const [i, { account }] of held.entries()) alerts.look(account, reserved.balances[i]);
    if (reserved.granted) return;
    this.#reservations.delete(id);
    const { account, hold } = held[reserved.refused] ?? {};
    if (account && hold) throw await this.#refusal(account, hold, reserved.balances[reserved.refused]);
  }

  async #refusal(account: Account, hold: Hold, balance = { spent: 0, held: 0 }) {
    const { subject, limit, wallMs, endsInMs } = account;
    const { ledgers, clock, tell, alerts } = this.#parts;
    tell({ type: 'limit_refused', subject: subject.kind, unit: limit.unit, window: limit.window });
    alerts.reached(account);
    if (hold.amount > limit.amount) return refusal(subject, limit, hold.amount, undefined);
    const now = balance.spent + balance.held;
    const before = hold.carried ? await this.#usedOf(ledgers, hold.carried.account) : 0;
    const elapsedMs = clock.wallMs() - wallMs;
    const waitMs = hold.carried ? slidingWaitMs(hold.amount, limit.amount, { before, now }, wallMs) : endsInMs;
    return refusal(subject, limit, hold.amount, Math.max(1, Math.ceil(waitMs - elapsedMs)));
  }

  async #usedOf(ledgers: Ledgers, account: string): Promise<number> {
    const [balance] = (await this.#unlessStoreFails(ledgers.balances(LEDGER, [account]))) ?? [];
    return balance ? balance.spent + balance.held : 0;
  }

  get #ttlMs(): number {
    const { clock, longestCallMs } = this.#parts;
    const { deadlineMs } = this.#call;
    return GRACE_MS + Math.ceil(deadlineMs === undefined ? longestCallMs : Math.max(0, deadlineMs - clock.now()));
  }

  /** By all tries that are over. */
  #used(): Amounts {
    const over = this.#call.trail.attempts.filter(({ duration }) => duration !== undefined);
    return { ...over.map((each) => usedBy(each, () => this.#estimate(each))).reduce(plus, nothing), requests: 0 };
  }

  #spent(): readonly Amount[] {
    const { isFree } = this.#parts;
    const tries = this.#call.trail.attempts.filter((attempt) => !isFree(attempt));
    const used = tries.map((attempt) => ({ attempt, amounts: usedBy(attempt, () => this.#estimate(attempt)) }));
    const all = used.map(({ amounts }) => amounts).reduce(plus, nothing);
    const caller = { ...all, requests: Math.min(1, all.requests) };
    const ofModels = used.flatMap(({ attempt, amounts }) =>
      this.#accountsOf(attempt).map((account) => spentOn(account, amounts)),
    );
    return [...this.#callers.map((account) => spentOn(account, caller)), ...ofModels].filter(
      ({ amount }) => amount > 0,
    );
  }

  /** A store that fails lets calls through, unlimited: that is for the operator to know, and not for callers to suffer. */
  async #unlessStoreFails<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (thrown) {
      if (!(thrown instanceof StoreError)) throw thrown;
      this.#parts.tell({ type: 'limits_unchecked', cause: thrown.failure });
      return undefined;
    }
  }
}

function heldBy(account: Account, amounts: Amounts) {
  const hold = holdOf(account, amounts);
  return hold ? [{ hold, account }] : [];
}
