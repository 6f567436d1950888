import { type Store, StoreError, type StoreFailure } from '../../src/stores/store.ts';

/** How the next calls of a store fail. */
export interface Fault {
  readonly failure: StoreFailure;
  /** It has done what it was asked to, and nobody learns of it. */
  readonly done: boolean;
}

export interface FailingStore {
  readonly store: Store;
  /** Undefined: they do not fail. */
  fault: Fault | undefined;
  /** How often it was called. */
  calls: number;
}

/** A store that fails when it is told to. */
export function failingStore(real: Store): FailingStore {
  const failing: FailingStore = { store: real, fault: undefined, calls: 0 };
  const store = new Proxy(real, {
    get:
      (target, name: keyof Store) =>
      async (...args: never[]) => {
        const { fault } = failing;
        failing.calls++;
        const work = () => (target[name] as (...all: never[]) => Promise<unknown>).apply(target, args);
        if (!fault) return work();
        if (fault.done) await work();
        throw new StoreError(fault.failure);
      },
  });
  return Object.assign(failing, { store });
}
