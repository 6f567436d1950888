import type { LimitWindow } from '../core/limits.ts';

/** A window of time, as it is now. */
export interface OpenWindow {
  /** The same for every moment within it, and for no other. */
  readonly id: string;
  /** At least 1. */
  readonly endsInMs: number;
  /** The one before it, as far as it still counts. Undefined: not at all. */
  readonly before: { readonly id: string /** From 0 to 1. */; readonly share: number } | undefined;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * The window that this moment is in; `wallMs` since 1970. Of the minute before, the share that is less than a minute
 * ago counts, so that no minute has more than the limit as long as calls come evenly, and none twice as much if not.
 */
export function windowAt(window: LimitWindow, wallMs: number): OpenWindow {
  switch (window) {
    case 'minute':
      return minuteAt(wallMs);
    case 'hour':
      return { id: iso(wallMs, 'yyyy-mm-ddThh'), endsInMs: HOUR_MS - (wallMs % HOUR_MS), before: undefined };
    case 'day':
      return { id: iso(wallMs, 'yyyy-mm-dd'), endsInMs: DAY_MS - (wallMs % DAY_MS), before: undefined };
    case 'month':
      return { id: iso(wallMs, 'yyyy-mm'), endsInMs: monthEnd(wallMs) - wallMs, before: undefined };
  }
}

function minuteAt(wallMs: number): OpenWindow {
  const index = Math.floor(wallMs / MINUTE_MS);
  const before = { id: String(index - 1), share: shareBefore(wallMs) };
  return { id: String(index), endsInMs: MINUTE_MS - (wallMs % MINUTE_MS), before };
}

/** How much of the minute before is less than a minute ago: from 0 to 1. */
export const shareBefore = (wallMs: number): number => 1 - (wallMs % MINUTE_MS) / MINUTE_MS;

/** The beginning of the moment's text, as long as the pattern. */
const iso = (wallMs: number, pattern: string): string => new Date(wallMs).toISOString().slice(0, pattern.length);

function monthEnd(wallMs: number): number {
  const date = new Date(wallMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

/**
 * How long until an account of a sliding minute has room again for an amount, if nothing else is spent: while this
 * minute lasts, what came before it fades; then what came in this one does.
 */
export function slidingWaitMs(
  wanted: number,
  limit: number,
  used: { readonly before: number; readonly now: number },
  wallMs: number,
): number {
  const leftMs = MINUTE_MS - (wallMs % MINUTE_MS);
  const room = limit - wanted;
  const bearable = (room - used.now) / used.before;
  if (bearable >= 0) return Math.max(0, leftMs - MINUTE_MS * Math.min(1, bearable));
  return leftMs + MINUTE_MS * (1 - Math.max(0, Math.min(1, room / used.now)));
}
