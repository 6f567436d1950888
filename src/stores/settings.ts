import type { FailoverSettings } from './failover.ts';
import type { MemoryBounds } from './memory.ts';
import type { RedisSettings } from './redis.ts';

/** Where what outlives a call is kept. */
export interface StoreSettings extends MemoryBounds {
  /** Shared by replicas. Undefined: every process keeps its own. */
  readonly redis: RedisSettings | undefined;
  /** The file of a process that shares nothing. Undefined: it keeps all in memory. Not with `redis`. */
  readonly sqlitePath: string | undefined;
  readonly failover: FailoverSettings;
}
