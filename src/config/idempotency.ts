import type { IdempotencySettings } from '../idempotency/settings.ts';
import type { IdempotencyEntry } from './schema-idempotency.ts';

export const idempotencyOf = (entry: IdempotencyEntry): IdempotencySettings => ({
  ttlMs: entry.ttl_ms,
  maxAnswerBytes: entry.max_answer_bytes,
  waitMs: entry.wait_ms,
  leaseMs: entry.lease_ms,
  maxCallMs: entry.max_call_ms,
});
