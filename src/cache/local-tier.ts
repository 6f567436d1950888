import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import type { Entry } from './entry.ts';
import type { CacheSettings } from './settings.ts';

/** What an entry takes besides its answer: its key, its place in the list, and the objects around them. */
const OVERHEAD_BYTES = 512;

/** What an answer is of, and for how long. */
export interface HeldEntry extends Pick<Entry, 'tenant' | 'model'> {
  readonly bytes: number;
  readonly leftMs: number;
}

interface Held {
  readonly bytes: Uint8Array;
  readonly entry: Entry;
}

/** Answers in this process: those not used for longest go first when there is no room. */
export class LocalTier {
  /** Those that had to go for others. */
  evictions = 0;
  readonly #clock: Pick<Clock, 'now'>;
  #held: LRUCache<string, Held>;

  constructor(settings: CacheSettings, clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#held = this.#made(settings);
  }

  get entries(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#held.calculatedSize;
  }

  /** Undefined: there is none, or its time is up. */
  get(key: string): Uint8Array | undefined {
    return this.#held.get(key)?.bytes;
  }

  put(key: string, bytes: Uint8Array, entry: Entry, ttlMs: number): void {
    this.#held.set(key, { bytes, entry }, { ttl: ttlMs, size: bytes.length + OVERHEAD_BYTES });
  }

  /** Those that `is` true of, used last first, at most so many. */
  list(is: (entry: Entry) => boolean, most: number): readonly HeldEntry[] {
    const found: HeldEntry[] = [];
    for (const [key, { bytes, entry }] of this.#held.entries()) {
      if (found.length >= most) break;
      const { tenant, model } = entry;
      const leftMs = this.#held.getRemainingTTL(key);
      if (leftMs > 0 && is(entry)) found.push({ tenant, model, bytes: bytes.length + OVERHEAD_BYTES, leftMs });
    }
    return found;
  }

  /** Removes those that `is` true of. */
  purge(is: (entry: Entry) => boolean): number {
    const gone = [...this.#held.entries()].filter(([, { entry }]) => is(entry));
    for (const [key] of gone) this.#held.delete(key);
    return gone.length;
  }

  /** Takes on other bounds. What there is no room for any more goes. */
  configure(settings: CacheSettings): void {
    if (settings.maxBytes === this.#held.maxSize && settings.maxEntries === this.#held.max) return;
    const before = this.#held;
    this.#held = this.#made(settings);
    for (const key of before.rkeys()) {
      const held = before.peek(key);
      if (held) this.put(key, held.bytes, held.entry, before.getRemainingTTL(key));
    }
  }

  #made({ maxBytes, maxEntries }: CacheSettings): LRUCache<string, Held> {
    return new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      // Every look-up asks the clock: the library's own timer would be one that nobody owns.
      ttlResolution: 0,
      perf: { now: () => this.#clock.now() },
      disposeAfter: (_held, _key, reason) => {
        if (reason === 'evict') this.evictions++;
      },
    });
  }
}
