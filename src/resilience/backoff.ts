import type { RetrySettings } from './settings.ts';

type Waits = Pick<RetrySettings, 'baseMs' | 'maxMs' | 'maxRetryAfterMs'>;

/** No wait of our own is longer, whatever the settings say. */
const LONGEST_MS = 60 * 60 * 1000;

/** Far above what any wait needs, and far below where doubling ends at infinity. */
const MAX_DOUBLINGS = 52;

/** By how much a wait that the provider has named is drawn out at most, if a tenth of it is less. */
const NAMED_SPREAD_MS = 250;

/** The longest wait before the n-th repeat, counted from 1. */
const longestMs = (n: number, { baseMs, maxMs }: Waits): number =>
  Math.max(Math.min(baseMs * 2 ** Math.min(n - 1, MAX_DOUBLINGS), maxMs, LONGEST_MS), 0);

/**
 * How long to wait before the n-th repeat, counted from 1, in milliseconds: by chance between nothing and a bound that
 * doubles, so that callers who failed together do not come back together. `chance` is from 0 up to but not including 1.
 *
 * A wait that the provider has named is kept, and drawn out by chance for the same reason. Undefined: it is longer than
 * the settings allow, so that there is to be no repeat.
 */
export function backoffMs(n: number, chance: number, settings: Waits, namedMs?: number): number | undefined {
  if (namedMs === undefined) return chance * longestMs(n, settings);
  if (!(namedMs <= settings.maxRetryAfterMs)) return undefined;
  const toldMs = Math.max(namedMs, 0);
  return toldMs + chance * Math.max(toldMs / 10, NAMED_SPREAD_MS);
}

/**
 * What a caller is told to wait where the gateway tries no more: the upper half of what would be the range after all
 * repeats, since to come back at once would go round the bounds that ended them.
 */
export const adviceMs = (chance: number, settings: Waits & Pick<RetrySettings, 'maxRetries'>): number =>
  ((1 + chance) / 2) * longestMs(settings.maxRetries + 1, settings);
