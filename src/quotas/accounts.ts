import type { Limit, LimitUnit, Subject } from '../core/limits.ts';
import type { Amount, Carried, Hold } from '../stores/store.ts';
import type { Limited } from './settings.ts';
import { windowAt } from './windows.ts';

/** What a call uses, or may use, of each unit. */
export type Amounts = Readonly<Record<LimitUnit, number>>;

/** One limit of someone, as it applies now. */
export interface Account {
  readonly subject: Subject;
  readonly limit: Limit;
  /** The name in the ledger. */
  readonly id: string;
  /** What the account of the window before counts for. Undefined: nothing. */
  readonly carried: Carried | undefined;
  /** When its window was looked up. */
  readonly wallMs: number;
  /** How long its window still lasted then. */
  readonly endsInMs: number;
  readonly ttlMs: number;
}

/** Kept for so long after its window: calls that began within it end later, and people look at it later. */
const KEPT_MS = 26 * 60 * 60 * 1000;

export function accountsOf({ subject, limits }: Limited, wallMs: number): readonly Account[] {
  return limits.map((limit) => {
    const { id, endsInMs, before } = windowAt(limit.window, wallMs);
    const carried = before && { account: accountId(subject, limit, before.id), share: before.share };
    return { subject, limit, id: accountId(subject, limit, id), carried, wallMs, endsInMs, ttlMs: endsInMs + KEPT_MS };
  });
}

/** Undefined: nothing of this unit is wanted. */
export function holdOf({ limit, id, carried, ttlMs }: Account, amounts: Amounts): Hold | undefined {
  const amount = amounts[limit.unit];
  if (amount === 0) return undefined;
  const hold = { account: id, amount, limit: limit.amount, ttlMs };
  return carried ? { ...hold, carried } : hold;
}

export const spentOn = ({ limit, id, ttlMs }: Account, amounts: Amounts): Amount => ({
  account: id,
  amount: amounts[limit.unit],
  ttlMs,
});

const accountId = ({ kind, name }: Subject, { unit, window }: Limit, id: string): string =>
  `${kind}:${name}:${unit}:${window}:${id}`;

export const nothing: Amounts = { requests: 0, tokens: 0, nano_usd: 0 };

export const plus = (one: Amounts, other: Amounts): Amounts => ({
  requests: one.requests + other.requests,
  tokens: one.tokens + other.tokens,
  nano_usd: one.nano_usd + other.nano_usd,
});

/** What is wanted beyond what there is. */
export const beyond = (wanted: Amounts, there: Amounts): Amounts => ({
  requests: Math.max(0, wanted.requests - there.requests),
  tokens: Math.max(0, wanted.tokens - there.tokens),
  nano_usd: Math.max(0, wanted.nano_usd - there.nano_usd),
});
