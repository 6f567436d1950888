import type { Clock } from '../core/clock.ts';
import type { Mode } from './failover/presence.ts';
import { FailoverStore } from './failover.ts';
import { MemoryStore } from './memory.ts';
import type { StoreSettings } from './settings.ts';
import type { Store, StoreFailure, Values } from './store.ts';

/** How large a file may become. */
const MAX_FILE_BYTES = 8 * 1024 * 1024 * 1024;

/** What happens to a store, for the log and the metrics. */
export interface StoreNews {
  /** The shared store came, or went, and then why. */
  readonly changed: (mode: Mode, failure: StoreFailure | undefined) => void;
  /** It failed once more. */
  readonly failed: (failure: StoreFailure) => void;
  /** A change will never reach it. */
  readonly lost: () => void;
  /** It was closed, and so many changes have not reached it. */
  readonly left: (changes: number) => void;
}

/** How the store is doing. `shared`: all replicas use it. `local`: it is away. Else there is none that is shared. */
export interface StoreStanding {
  readonly mode: 'memory' | 'file' | Mode;
  /** Of the shared store: calls and probes that failed. */
  readonly failures: number;
  /** Changes that wait for it. */
  readonly pending: number;
}

export interface OpenStore {
  readonly store: Store;
  /** What is to last: of a shared store they fail while it is away, instead of being those of this process. */
  readonly values: Values;
  readonly standing: () => StoreStanding;
}

/**
 * Opens the store: what it does not need is not loaded. A Redis that is down is no reason to fail: it is waited for a
 * little, and looked for from then on.
 *
 * Errors: one that says what is wrong with the file, and what to do.
 */
export async function openStore(settings: StoreSettings, clock: Clock, news: StoreNews): Promise<OpenStore> {
  const { redis, sqlitePath } = settings;
  const alone = (mode: 'memory' | 'file') => () => ({ mode, failures: 0, pending: 0 });
  const local = () => new MemoryStore(clock, settings);
  if (redis) {
    const { RedisStore } = await import('./redis.ts');
    const shared = new RedisStore(clock, redis);
    const store = new FailoverStore({ ...news, clock, settings: settings.failover, shared, local });
    await store.start();
    return { store, values: store.sharedValues, standing: () => store.state() };
  }
  if (sqlitePath === undefined) {
    const store = local();
    return { store, values: store, standing: alone('memory') };
  }
  const { SqliteStore } = await import('./sqlite.ts');
  const store = new SqliteStore(clock, { path: sqlitePath, maxBytes: MAX_FILE_BYTES });
  return { store, values: store, standing: alone('file') };
}
