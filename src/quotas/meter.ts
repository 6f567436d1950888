import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Allowance } from '../core/limits.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { type Amount, type Hold, type Ledgers, type Reserved, StoreError } from '../stores/store.ts';
import { type Account, type Amounts, beyond, holdOf, nothing, plus, spentOn } from './accounts.ts';
import type { Alerts } from './alerts.ts';
import type { Accounts, CurrentAccounts } from './current-accounts.ts';
import { amountsOf, type Estimate, type Estimator, estimator, usedBy } from './estimate.ts';
import { refusal, unpricedRefusal } from './refusal.ts';
import type { QuotaSettings } from './settings.ts';
import { slidingWaitMs } from './windows.ts';

export interface MeterParts extends Pick<Estimator, 'price'> {
  readonly ledgers: Ledgers;
  readonly settings: Pick<QuotaSettings, 'outputTokens' | 'allowUnpriced'>;
  readonly accounts: Pick<CurrentAccounts, 'ofModel'>;
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
  readonly #callers: Accounts;
  readonly #models = new Map<string, Accounts>();
  readonly #estimate: (target: Target) => Estimate;
  readonly #reservations = new Set<string>();
  #reserved = 0;
  /** Of the callers' accounts. */
  #held: Amounts = nothing;
  /** What the tries under way may use. */
  #underWay: Amounts = nothing;

  constructor(parts: MeterParts, call: Call, callers: Accounts) {
    const { settings, price } = parts;
    this.#parts = parts;
    this.#call = call;
    this.#callers = callers;
    this.#estimate = estimator(call.request, { price, outputTokens: settings.outputTokens });
  }

  /** Holds what the call may use at its first target. Errors: as `cover`. */
  async open(first: Target): Promise<void> {
    const wanted = amountsOf(this.#priced(first, this.#callers.ofMoney), 1);
    await this.#reserve([[this.#callers, wanted]]);
    this.#held = wanted;
  }

  async cover(target: Target): Promise<(() => void) | undefined> {
    if (this.#parts.isFree(target)) return undefined;
    const models = this.#accountsOf(target);
    const estimate = amountsOf(this.#priced(target, this.#callers.ofMoney || models.ofMoney), 0);
    this.#underWay = plus(this.#underWay, estimate);
    const over = () => {
      this.#underWay = beyond(this.#underWay, estimate);
    };
    const lacking = beyond(plus(this.#used(), this.#underWay), this.#held);
    try {
      await this.#reserve([
        [this.#callers, lacking],
        [models, { ...estimate, requests: 1 }],
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

  /** The same for the whole call, also if a window ends meanwhile. */
  #accountsOf(target: Target): Accounts {
    const name = `${target.provider}/${target.model}`;
    const known = this.#models.get(name);
    if (known) return known;
    const { accounts, clock } = this.#parts;
    const found = accounts.ofModel(target, clock.wallMs());
    this.#models.set(name, found);
    return found;
  }

  #priced(target: Target, needsPrice: boolean): Estimate {
    const estimate = this.#estimate(target);
    if (estimate.nanoUsd === undefined && needsPrice && !this.#parts.settings.allowUnpriced)
      throw unpricedRefusal(target);
    return estimate;
  }

  async #reserve(draws: readonly Draw[]): Promise<void> {
    const drawn = draws.flatMap(drawnBy);
    if (drawn.length === 0) return;
    const { ledgers, alerts } = this.#parts;
    const id = `${this.#call.id}/${this.#reserved++}`;
    this.#reservations.add(id);
    const holds = drawn.map(({ hold }) => hold);
    const reserving = ledgers.reserve({ ledger: LEDGER, id, ttlMs: this.#ttlMs, holds });
    const reserved = await this.#unlessStoreFails<Reserved>(reserving);
    if (!reserved) return;
    for (const [i, { account }] of drawn.entries()) alerts.look(account, reserved.balances[i]);
    if (reserved.granted) return;
    this.#reservations.delete(id);
    const refused = drawn[reserved.refused];
    if (refused) throw await this.#refusal(refused, reserved.balances[reserved.refused]);
  }

  async #refusal({ account, hold, wallMs }: Drawn, balance = { spent: 0, held: 0 }) {
    const { subject, limit, endsMs } = account;
    const { ledgers, clock, tell, alerts } = this.#parts;
    tell({ type: 'limit_refused', subject: subject.kind, unit: limit.unit, window: limit.window });
    alerts.reached(account);
    if (hold.amount > limit.amount) return refusal(subject, limit, hold.amount, undefined);
    const now = balance.spent + balance.held;
    const before = hold.carried ? await this.#usedOf(ledgers, hold.carried.account) : 0;
    const elapsedMs = clock.wallMs() - wallMs;
    const waitMs = hold.carried ? slidingWaitMs(hold.amount, limit.amount, { before, now }, wallMs) : endsMs - wallMs;
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
    return [
      ...spentBy(this.#callers, caller),
      ...used.flatMap(({ attempt, amounts }) => spentBy(this.#accountsOf(attempt), amounts)),
    ];
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

/** So much of these accounts. */
type Draw = readonly [Accounts, Amounts];

/** What is to be held on one account, as it was at a moment. */
interface Drawn {
  readonly account: Account;
  readonly hold: Hold;
  readonly wallMs: number;
}

/** Accounts of a unit that nothing is wanted of are left out. */
function drawnBy([{ list, wallMs }, amounts]: Draw): readonly Drawn[] {
  const drawn: Drawn[] = [];
  for (const account of list) {
    const amount = amounts[account.limit.unit];
    if (amount > 0) drawn.push({ account, hold: holdOf(account, amount, wallMs), wallMs });
  }
  return drawn;
}

function spentBy({ list, wallMs }: Accounts, amounts: Amounts): readonly Amount[] {
  const spent: Amount[] = [];
  for (const account of list) {
    const amount = amounts[account.limit.unit];
    if (amount > 0) spent.push(spentOn(account, amount, wallMs));
  }
  return spent;
}
