import type { Clock } from '../../src/core/clock.ts';
import { type Store, StoreError } from '../../src/stores/store.ts';

export interface FakeStore extends Pick<Store, 'get' | 'put' | 'compareAndSet'> {
  /** Whether everything fails. */
  fails: boolean;
  /** What was asked of it, by name. */
  readonly asked: string[];
  readonly keys: readonly string[];
}

/** A store in memory that does as the contract says, or fails. */
export function fakeStore(clock: Pick<Clock, 'now'>): FakeStore {
  const held = new Map<string, { value: Uint8Array; untilMs: number }>();
  const asked: string[] = [];
  const at = (key: string) => {
    const one = held.get(key);
    return one && one.untilMs > clock.now() ? one.value : undefined;
  };
  const isSame = (one: Uint8Array | undefined, other: Uint8Array | undefined) =>
    one && other ? Buffer.compare(one, other) === 0 : one === other;
  const ask = async <T>(store: FakeStore, name: string, answer: () => T): Promise<T> => {
    asked.push(name);
    await undefined;
    if (store.fails) throw new StoreError('timeout');
    return answer();
  };
  return {
    fails: false,
    asked,
    get keys() {
      return [...held.keys()];
    },
    get(key) {
      return ask(this, 'get', () => at(key));
    },
    put(key, value, ttlMs) {
      return ask(this, 'put', () => void held.set(key, { value, untilMs: clock.now() + ttlMs }));
    },
    compareAndSet(key, expected, next, ttlMs) {
      return ask(this, 'compareAndSet', () => {
        if (!isSame(at(key), expected)) return false;
        if (next) held.set(key, { value: next, untilMs: clock.now() + ttlMs });
        else held.delete(key);
        return true;
      });
    },
  };
}
