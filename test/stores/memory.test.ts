import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/stores/memory.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { hold, storeContract } from './contract.ts';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1_000_000, maxAccounts: 10_000 };
const LONG_MS = 600_000;

function opened(bounds: Partial<typeof BOUNDS> = {}) {
  const clock = fakeClock();
  return { clock, store: new MemoryStore(clock, { ...BOUNDS, ...bounds }) };
}

describe('the store in memory', () => {
  storeContract(async () => {
    const { clock, store } = opened();
    return { store, pass: async (ms) => clock.advance(ms), close: () => store.close() };
  });

  it('lets the values go first that were not used for longest', async () => {
    const { store } = opened({ maxEntries: 3 });
    for (const key of ['a', 'b', 'c']) await store.put(key, new Uint8Array(1), LONG_MS);
    await store.get('a');
    await store.put('d', new Uint8Array(1), LONG_MS);
    expect(await store.keys('', 9)).toEqual(['a', 'c', 'd']);
  });

  it('counts the bytes of values and keys, and refuses one that is larger than all together may be', async () => {
    const { store } = opened({ maxBytes: 10 });
    await store.put('a', new Uint8Array(4), LONG_MS);
    await store.put('b', new Uint8Array(4), LONG_MS);
    expect(await store.keys('', 9)).toEqual(['a', 'b']);
    await store.put('b', new Uint8Array(5), LONG_MS);
    expect(await store.keys('', 9)).toEqual(['b']);
    await expect(store.put('c', new Uint8Array(10), LONG_MS)).rejects.toMatchObject({ failure: 'full' });
    expect(await store.keys('', 9)).toEqual(['b']);
  });

  it('forgets accounts and counters beyond the bound, but nothing that is held', async () => {
    const { store, clock } = opened({ maxAccounts: 3 });
    const reserve = (id: string) =>
      store.reserve({ ledger: 'l', id, ttlMs: LONG_MS, holds: [hold(`account ${id}`, 1, 1)] });
    await store.settle({ ledger: 'l', id: 's', spent: [{ account: 'spent', amount: 7, ttlMs: LONG_MS }] });
    for (const id of ['1', '2', '3']) expect(await reserve(id)).toMatchObject({ granted: true });
    expect(await store.balances('l', ['spent', 'account 1'])).toEqual([
      { spent: 0, held: 0 },
      { spent: 0, held: 1 },
    ]);
    await expect(reserve('4')).rejects.toMatchObject({ failure: 'full' });
    await store.refund('l', '2');
    expect(await reserve('4')).toMatchObject({ granted: true });
    clock.advance(LONG_MS);
    expect(await reserve('5')).toMatchObject({ granted: true });
    for (const key of ['a', 'b', 'c', 'd']) await store.add(key, 1, LONG_MS);
    expect(await store.add('a', 1, LONG_MS)).toBe(1);
  });

  it('holds none of the amounts if one of the accounts cannot be had', async () => {
    const { store } = opened({ maxAccounts: 2 });
    await store.reserve({ ledger: 'l', id: '1', ttlMs: LONG_MS, holds: [hold('a', 1, 9)] });
    const holds = [hold('a', 1, 9), hold('b', 1, 9), hold('c', 1, 9)];
    await expect(store.reserve({ ledger: 'l', id: '2', ttlMs: LONG_MS, holds })).rejects.toMatchObject({
      failure: 'full',
    });
    expect(await store.balances('l', ['a', 'b'])).toEqual([
      { spent: 0, held: 1 },
      { spent: 0, held: 0 },
    ]);
  });

  it('stays of the same size, whatever has ended long ago', async () => {
    const { store, clock } = opened({ maxAccounts: 50 });
    for (let i = 0; i < 3_000; i++) {
      const id = `${i}`;
      await store.reserve({ ledger: 'l', id, ttlMs: LONG_MS, holds: [hold('a', 1, 1)] });
      await store.settle({ ledger: 'l', id, spent: [] });
      await store.tally({ table: 't', id, counts: new Map([['c', 1]]), ttlMs: 2 * LONG_MS });
    }
    clock.advance(LONG_MS);
    expect(await store.balances('l', ['a'])).toEqual([{ spent: 0, held: 0 }]);
    expect(await store.tallied('t')).toEqual(new Map([['c', 3_000]]));
    const many = new Map(Array.from({ length: 50 }, (_, i) => [`counter ${i}`, 1]));
    await expect(store.tally({ table: 't', id: 'x', counts: many, ttlMs: 1 })).rejects.toMatchObject({
      failure: 'full',
    });
  });

  it('does nothing any more once it is closed', async () => {
    const { store } = opened();
    await store.close();
    await expect(store.get('a')).rejects.toMatchObject({ failure: 'closed', message: 'The store failed: closed.' });
  });
});
