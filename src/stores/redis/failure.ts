import { StoreError, type StoreFailure } from '../store.ts';

/** What Redis answers with. Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ (2026-11-21). */
const replies: readonly (readonly [RegExp, StoreFailure])[] = [
  [/\bREADONLY\b/, 'read_only'],
  [/\b(?:OOM|MISCONF|NOREPLICAS)\b/, 'full'],
  [/\b(?:LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|UNBLOCKED)\b/, 'unreachable'],
];

const hasName = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;

/** An error code, or the first word of a reply: nothing of an address, a password or a value. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  return hasName(error, 'ReplyError') ? (/^[A-Z]{2,24}\b/.exec(error.message)?.[0] ?? 'ERR') : error.name;
}

/** All that is no reply is a matter of the connection. */
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const reason = reasonOf(error);
  if (!hasName(error, 'ReplyError')) return new StoreError('unreachable', reason);
  const message = error instanceof Error ? error.message : '';
  return new StoreError(replies.find(([pattern]) => pattern.test(message))?.[1] ?? 'refused', reason);
}

export const isUnknownScript = (error: unknown): boolean =>
  hasName(error, 'ReplyError') && error instanceof Error && error.message.startsWith('NOSCRIPT');
