import type { Store } from '../stores/store.ts';
import { untilOf } from './kept-answer.ts';

/** So many answers may be on their way to the store at once; further ones are kept in this process only. */
const MAX_PENDING = 256;

/**
 * Answers in a store that several processes share. The store may fail whenever it likes: then there is no answer, and
 * none is kept. No call fails by it.
 */
export class SharedTier {
  readonly #store: Pick<Store, 'get' | 'put'>;
  readonly #pending = new Set<Promise<void>>();

  constructor(store: Pick<Store, 'get' | 'put'>) {
    this.#store = store;
  }

  /** Undefined: there is none that can be read. */
  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#store.get(key);
      return bytes && untilOf(bytes) !== undefined ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** Resolves when it is there, or cannot be. Never rejects. */
  put(key: string, bytes: Uint8Array, ttlMs: number): Promise<void> {
    if (this.#pending.size >= MAX_PENDING) return Promise.resolve();
    const put = this.#store
      .put(key, bytes, ttlMs)
      .catch(() => undefined)
      .finally(() => this.#pending.delete(put));
    this.#pending.add(put);
    return put;
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
