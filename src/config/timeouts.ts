import type { TryLimits } from '../core/policy.ts';
import type { TimeoutConfig } from './config.ts';
import type { OwnTimeoutsEntry, TimeoutsEntry } from './schema-timeouts.ts';

const IDLE_MS = 60_000;

/** A stream may take this long unless more is asked for. */
const STREAM_TOTAL_MS = 600_000;

export const timeoutsOf = (timeouts: TimeoutsEntry): TimeoutConfig => ({
  connectMs: timeouts.connect_ms,
  firstTokenMs: timeouts.first_token_ms ?? timeouts.total_ms,
  idleMs: timeouts.idle_ms ?? IDLE_MS,
  totalMs: timeouts.total_ms,
  streamTotalMs: timeouts.stream_total_ms ?? Math.max(STREAM_TOTAL_MS, timeouts.total_ms),
  stallMs: timeouts.stall_ms,
});

/** Those that are set. */
export const ownLimits = (timeouts: OwnTimeoutsEntry): Partial<TryLimits> => ({
  ...(timeouts.connect_ms !== undefined && { connectMs: timeouts.connect_ms }),
  ...(timeouts.first_token_ms !== undefined && { firstTokenMs: timeouts.first_token_ms }),
  ...(timeouts.idle_ms !== undefined && { idleMs: timeouts.idle_ms }),
  ...(timeouts.total_ms !== undefined && { totalMs: timeouts.total_ms }),
  ...(timeouts.stream_total_ms !== undefined && { streamTotalMs: timeouts.stream_total_ms }),
  ...(timeouts.stall_ms !== undefined && { stallMs: timeouts.stall_ms }),
});

/** Those that are set and can never have an effect, since a stream may not take so long altogether. */
export const uselessLimits = (timeouts: OwnTimeoutsEntry, streamTotalMs: number): readonly (keyof OwnTimeoutsEntry)[] =>
  (['first_token_ms', 'idle_ms'] as const).filter((name) => (timeouts[name] ?? 0) > streamTotalMs);
