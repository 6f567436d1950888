import type { Limit, LimitUnit, Subject } from '../core/limits.ts';
import type { Amount, Hold } from '../stores/store.ts';
import type { Limited } from './settings.ts';
import { shareBefore, windowAt } from './windows.ts';

/** What a call uses, or may use, of each unit. */
export type Amounts = Readonly<Record<LimitUnit, number>>;

/** One limit of someone, as it applies within its current window. */
export interface Account {
  readonly subject: Subject;
  readonly limit: Limit;
  /** The name in the ledger. */
  readonly id: string;
  /** That of the window before, if it still counts. */
  readonly beforeId: string | undefined;
  /** When its window ends, since 1970. */
  readonly endsMs: number;
}

/** Kept for so long after its window: calls that began within it end later, and people look at it later. */
const KEPT_MS = 26 * 60 * 60 * 1000;

export const accountsOf = ({ subject, limits }: Limited, wallMs: number): readonly Account[] =>
  limits.map((limit) => {
    const { id, endsInMs, before } = windowAt(limit.window, wallMs);
    const beforeId = before && accountId(subject, limit, before.id);
    return { subject, limit, id: accountId(subject, limit, id), beforeId, endsMs: wallMs + endsInMs };
  });

/** At a moment within the account's window. */
export function holdOf({ limit, id, beforeId, endsMs }: Account, amount: number, wallMs: number): Hold {
  const hold = { account: id, amount, limit: limit.amount, ttlMs: ttlMs(endsMs, wallMs) };
  return beforeId === undefined ? hold : { ...hold, carried: { account: beforeId, share: shareBefore(wallMs) } };
}

export const spentOn = ({ id, endsMs }: Account, amount: number, wallMs: number): Amount => ({
  account: id,
  amount,
  ttlMs: ttlMs(endsMs, wallMs),
});

const ttlMs = (endsMs: number, wallMs: number): number => endsMs - wallMs + KEPT_MS;

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
