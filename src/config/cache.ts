import type { CacheSettings } from '../cache/settings.ts';
import type { CacheEntry } from './schema-cache.ts';

export const cacheOf = (cache: CacheEntry): CacheSettings => ({
  enabled: cache.enabled,
  maxBytes: cache.max_bytes,
  maxEntries: cache.max_entries,
  maxAnswerBytes: cache.max_answer_bytes,
  ttlMs: cache.ttl_ms,
  maxTemperature: cache.max_temperature,
  requestTypes: new Map(Object.entries(cache.request_types)),
  singleFlight: cache.single_flight,
  sharedWaitMs: cache.shared_wait_ms,
  secret: cache.secret,
  warmUp: cache.warm_up,
});
