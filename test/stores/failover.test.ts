import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailoverStore } from '../../src/stores/failover.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { Store, StoreFailure } from '../../src/stores/store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { hold, storeContract } from './contract.ts';
import { type Fault, failingStore } from './failing-store.ts';

const LONG_MS = 600_000;
const BOUNDS = { maxEntries: 1_000, maxBytes: 1_000_000, maxAccounts: 10_000 };
const SETTINGS = {
  failuresToLeave: 3,
  probesToReturn: 3,
  probeMs: 100,
  maxProbeMs: 5_000,
  maxPending: 10_000,
  maxSeen: 10_000,
};
const CALLS_OF_PROBE = 2;
const HUNG: Fault = { failure: 'timeout', done: false };
const LATE: Fault = { failure: 'timeout', done: true };
const DOWN: Fault = { failure: 'unreachable', done: false };

async function opened(settings: Partial<typeof SETTINGS> = {}, wrap: (store: Store) => Store = (store) => store) {
  const clock = fakeClock();
  const real = new MemoryStore(clock, BOUNDS);
  const failing = failingStore(wrap(real));
  const told = { modes: [] as string[], failures: [] as StoreFailure[], lost: 0, left: [] as number[] };
  const store = new FailoverStore({
    clock,
    settings: { ...SETTINGS, ...settings },
    shared: failing.store,
    local: () => new MemoryStore(clock, BOUNDS),
    changed: (mode, failure) => told.modes.push(failure ? `${mode} ${failure}` : mode),
    failed: (failure) => told.failures.push(failure),
    lost: () => told.lost++,
    left: (changes) => told.left.push(changes),
  });
  await store.start();
  /** Time passes until the shared store is in use and knows all. */
  const recover = async () => {
    failing.fault = undefined;
    for (let i = 0; i < 2_000 && (store.state().mode === 'local' || store.state().pending > 0); i++) {
      clock.advance(50);
      await turn();
    }
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await turn();
  };
  return { clock, real, failing, store, told, recover, pass };
}

const spent = (account: string, amount: number) => ({ account, amount, ttlMs: 10 * LONG_MS });
const reservation = (id: string, amount: number, limit: number, account = 'a') => ({
  ledger: 'l',
  id,
  ttlMs: LONG_MS,
  holds: [hold(account, amount, limit, { ttlMs: 10 * LONG_MS })],
});

describe('values that are to last', () => {
  const bytes = new TextEncoder().encode('v');

  it('are those of the shared store, and fail while it is away', async () => {
    const { store, real, failing, recover } = await opened();
    const values = store.sharedValues;
    await values.put('a', bytes, LONG_MS);
    expect(await real.get('a')).toEqual(bytes);
    failing.fault = DOWN;
    const asked = [
      () => values.get('a'),
      () => values.put('a', bytes, LONG_MS),
      () => values.compareAndSet('a', undefined, bytes, LONG_MS),
      () => values.delete('a'),
      () => values.keys('', 9),
    ];
    for (const ask of [...asked, ...asked]) await expect(ask()).rejects.toMatchObject({ failure: 'unreachable' });
    expect(await store.get('a')).toBeUndefined();
    await recover();
    expect(await values.keys('a', 9, '')).toEqual(['a']);
    expect(await values.compareAndSet('a', bytes, undefined, LONG_MS)).toBe(true);
    await values.put('b', bytes, LONG_MS);
    await values.delete('b');
    expect([await real.get('a'), await real.get('b')]).toEqual([undefined, undefined]);
  });
});

describe('a store that fails over', () => {
  describe('while the shared one is there', () => {
    storeContract(async () => {
      const { store, clock } = await opened();
      return { store, pass: async (ms) => clock.advance(ms), close: () => store.close() };
    });
  });

  describe('while the shared one is away', () => {
    storeContract(async () => {
      const { store, failing, clock } = await opened();
      failing.fault = HUNG;
      await store.get('k');
      return { store, pass: async (ms) => clock.advance(ms), close: () => store.close() };
    });
  });

  it.each<[StoreFailure, number]>([
    ['timeout', 1],
    ['unreachable', 3],
    ['read_only', 3],
    ['full', 3],
    ['refused', 3],
  ])('goes on alone after "%s" %d times in a row, and asks no more', async (failure, times) => {
    const { store, failing, told } = await opened();
    failing.fault = { failure, done: false };
    for (let i = 1; i < times; i++) await store.get('k');
    failing.fault = undefined;
    await store.get('k');
    failing.fault = { failure, done: false };
    for (let i = 1; i < times; i++) await store.get('k');
    expect(store.state()).toMatchObject({ mode: 'shared', failures: 2 * (times - 1) });
    await store.get('k');
    expect(store.state()).toMatchObject({ mode: 'local', failures: 2 * times - 1 });
    expect(told.modes).toEqual(['shared', `local ${failure}`]);
    const { calls } = failing;
    await store.get('k');
    await store.settle({ ledger: 'l', id: '1', spent: [] });
    expect(failing.calls).toBe(calls);
  });

  it('comes back after some good probes in a row, and not at once', async () => {
    const { store, failing, pass, clock } = await opened();
    clock.advance(60_000);
    failing.fault = HUNG;
    await store.get('k');
    failing.fault = undefined;
    for (const modeAfter of ['local', 'local']) {
      await pass(SETTINGS.probeMs);
      expect(store.state().mode).toBe(modeAfter);
    }
    failing.fault = DOWN;
    await pass(SETTINGS.probeMs);
    failing.fault = undefined;
    for (const modeAfter of ['local', 'local', 'shared']) {
      await pass(2 * SETTINGS.probeMs);
      expect(store.state().mode).toBe(modeAfter);
    }
  });

  it('is trusted less each time that it does not stay, and again when it has', async () => {
    const { store, failing, pass, clock } = await opened();
    const probesUntilBack = async () => {
      failing.fault = HUNG;
      await store.get('k');
      failing.fault = undefined;
      const { calls } = failing;
      for (let i = 0; i < 1_000 && store.state().mode === 'local'; i++) await pass(SETTINGS.probeMs);
      return (failing.calls - calls) / CALLS_OF_PROBE;
    };
    clock.advance(60_000);
    for (const probes of [3, 6, 12, 24, 48, 96, 96]) expect(await probesUntilBack()).toBe(probes);
    clock.advance(60_000);
    expect(await probesUntilBack()).toBe(3);
  });

  it('asks less and less often while the shared one is away', async () => {
    const { store, failing, pass } = await opened();
    failing.fault = HUNG;
    await store.get('k');
    const { calls } = failing;
    for (let i = 0; i < 600; i++) await pass(100);
    expect((failing.calls - calls) / CALLS_OF_PROBE).toBeLessThan(40);
    expect((failing.calls - calls) / CALLS_OF_PROBE).toBeGreaterThan(10);
  });

  it('begins alone if the shared one is down at the start', async () => {
    const clock = fakeClock();
    const failing = failingStore(new MemoryStore(clock, BOUNDS));
    failing.fault = DOWN;
    const modes: string[] = [];
    const store = new FailoverStore({
      clock,
      settings: SETTINGS,
      shared: failing.store,
      local: () => new MemoryStore(clock, BOUNDS),
      changed: (mode, failure) => modes.push(`${mode} ${failure}`),
      failed: () => undefined,
      lost: () => undefined,
      left: () => undefined,
    });
    const started = store.start();
    for (let i = 0; i < 100; i++) {
      clock.advance(20);
      await turn();
    }
    await started;
    expect(modes).toEqual(['local unreachable']);
    await store.put('k', Uint8Array.of(1), LONG_MS);
    expect(await store.get('k')).toEqual(Uint8Array.of(1));
  });

  it('lets accounts go on from what was last seen of them', async () => {
    const { store, failing, real } = await opened();
    await store.reserve(reservation('1', 10, 100));
    await store.settle({ ledger: 'l', id: '1', spent: [spent('a', 30)] });
    await real.settle({ ledger: 'l', id: 'of another', spent: [spent('a', 20)] });
    await store.reserve(reservation('2', 15, 100));
    failing.fault = HUNG;
    expect(await store.reserve(reservation('3', 36, 100))).toMatchObject({ granted: false });
    expect(await store.reserve(reservation('3', 35, 100))).toMatchObject({ granted: true });
    expect(await store.balances('l', ['a'])).toEqual([{ spent: 65, held: 35 }]);
  });

  it('knows what was held of accounts after it was given back', async () => {
    const { store, failing } = await opened();
    await store.reserve(reservation('1', 90, 100));
    await store.settle({ ledger: 'l', id: '1', spent: [spent('a', 10)] });
    await store.reserve(reservation('2', 50, 100));
    await store.refund('l', '2');
    failing.fault = HUNG;
    expect(await store.reserve(reservation('3', 90, 100))).toMatchObject({ granted: true });
  });

  it('counts a share of what was seen of another account, too', async () => {
    const { store, failing } = await opened();
    await store.settle({ ledger: 'l', id: '1', spent: [spent('before', 80)] });
    failing.fault = HUNG;
    const carried = { account: 'before', share: 0.5 };
    const reserve = (amount: number) =>
      store.reserve({ ledger: 'l', id: 'x', ttlMs: LONG_MS, holds: [hold('now', amount, 100, { carried })] });
    expect(await reserve(61)).toMatchObject({ granted: false });
    expect(await reserve(60)).toMatchObject({ granted: true });
  });

  it('grants again what the shared one granted before it went', async () => {
    const { store, failing } = await opened();
    await store.reserve(reservation('1', 10, 10));
    failing.fault = HUNG;
    expect(await store.reserve(reservation('1', 10, 10))).toMatchObject({ granted: true });
    expect(await store.reserve(reservation('2', 1, 10))).toMatchObject({ granted: false });
  });

  it('tells the shared one afterwards what was spent without it', async () => {
    const { store, failing, real, recover } = await opened();
    await store.reserve(reservation('1', 10, 100));
    failing.fault = LATE;
    await store.settle({ ledger: 'l', id: '1', spent: [spent('a', 3)] });
    failing.fault = DOWN;
    await store.reserve(reservation('2', 10, 100));
    await store.settle({ ledger: 'l', id: '2', spent: [spent('a', 4)] });
    await store.reserve(reservation('3', 10, 100));
    await store.refund('l', '3');
    await store.tally({ table: 't', id: '1', counts: new Map([['c', 5]]), ttlMs: LONG_MS });
    expect(await store.tallied('t')).toEqual(new Map([['c', 5]]));
    await store.reserve(reservation('4', 10, 100));
    expect(store.state().pending).toBe(4);
    await recover();
    expect(store.state()).toMatchObject({ mode: 'shared', pending: 0 });
    expect(await real.balances('l', ['a'])).toEqual([{ spent: 7, held: 0 }]);
    expect(await real.tallied('t')).toEqual(new Map([['c', 5]]));
    await store.settle({ ledger: 'l', id: '4', spent: [spent('a', 1)] });
    expect(await real.balances('l', ['a'])).toEqual([{ spent: 8, held: 0 }]);
  });

  it('counts what it cannot keep, and loses nothing else', async () => {
    const { store, failing, real, recover, told } = await opened({ maxPending: 3 });
    failing.fault = HUNG;
    for (const id of ['1', '2', '3', '4', '5', '1']) await store.settle({ ledger: 'l', id, spent: [spent('a', 1)] });
    expect(told.lost).toBe(2);
    await recover();
    expect(await real.balances('l', ['a'])).toEqual([{ spent: 3, held: 0 }]);
  });

  it('gives up a change that is refused again and again, since it would be in the way of all others', async () => {
    const { store, failing, told, recover, real } = await opened({}, (inner) =>
      Object.assign(Object.create(inner) as Store, {
        get: () => inner.get('k'),
        put: (...all: Parameters<Store['put']>) => inner.put(...all),
        refund: (...all: Parameters<Store['refund']>) => inner.refund(...all),
        balances: (...all: Parameters<Store['balances']>) => inner.balances(...all),
        settle: (all: Parameters<Store['settle']>[0]) =>
          all.id === 'bad' ? Promise.reject(new TypeError('a defect')) : inner.settle(all),
      }),
    );
    failing.fault = HUNG;
    await store.get('k');
    for (const id of ['bad', 'good']) await store.settle({ ledger: 'l', id, spent: [spent('a', 1)] });
    await recover();
    expect(told.lost).toBe(1);
    expect(store.state()).toMatchObject({ mode: 'shared', pending: 0 });
    expect(await real.balances('l', ['a'])).toEqual([{ spent: 1, held: 0 }]);
  });

  it('does not send what may have arrived so long ago that it is forgotten there', async () => {
    const { store, failing, real, recover, pass, told } = await opened();
    failing.fault = LATE;
    await store.settle({ ledger: 'l', id: '1', spent: [spent('a', 1)] });
    failing.fault = DOWN;
    await store.settle({ ledger: 'l', id: '2', spent: [spent('a', 1)] });
    for (let i = 0; i < 61; i++) await pass(60_000);
    await recover();
    expect(told.lost).toBe(1);
    expect(await real.balances('l', ['a'])).toEqual([{ spent: 2, held: 0 }]);
  });

  it('tells the shared one at the end what it can, and says what it could not', async () => {
    const one = await opened();
    one.failing.fault = DOWN;
    await one.store.settle({ ledger: 'l', id: '1', spent: [spent('a', 3)] });
    one.failing.fault = undefined;
    const arrived: unknown[] = [];
    Object.assign(one.real, { close: async () => arrived.push(...(await one.real.balances('l', ['a']))) });
    await one.store.close();
    expect(arrived).toEqual([{ spent: 3, held: 0 }]);
    expect(one.told.left).toEqual([]);
    const other = await opened();
    other.failing.fault = DOWN;
    await other.store.settle({ ledger: 'l', id: '1', spent: [spent('a', 3)] });
    await other.store.close();
    await other.store.close();
    expect(other.told.left).toEqual([1]);
  });

  it('ends: no timer is left', async () => {
    const { store, failing, clock } = await opened();
    failing.fault = HUNG;
    await store.settle({ ledger: 'l', id: '1', spent: [] });
    failing.fault = undefined;
    await store.close();
    expect(clock.pending).toBe(0);
    await expect(store.get('k')).rejects.toMatchObject({ failure: 'closed' });
  });
});

const id = fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8');
const step = fc.record({
  do: fc.constantFrom('reserve', 'reserve', 'settle', 'settle', 'refund', 'tally', 'add', 'pass'),
  id,
  amount: fc.integer({ min: 0, max: 30 }),
  fault: fc.constantFrom<(Fault | undefined)[]>(
    undefined,
    undefined,
    undefined,
    HUNG,
    LATE,
    DOWN,
    { failure: 'read_only', done: false },
    { failure: 'full', done: false },
  ),
});

describe('whatever fails, and when', () => {
  it('nobody notices, and all is counted once when it is over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { store, failing, real, recover, pass, told } = await opened();
        const [ended, tallied] = [new Set<string>(), new Set<string>()];
        let [total, tally, adds] = [0, 0, 0];
        for (const next of steps) {
          failing.fault = next.fault;
          if (next.do === 'reserve') await store.reserve(reservation(next.id, next.amount, 100));
          if (next.do === 'settle') {
            await store.settle({ ledger: 'l', id: next.id, spent: [spent('a', next.amount)] });
            if (!ended.has(next.id)) total += next.amount;
            ended.add(next.id);
          }
          if (next.do === 'refund') {
            await store.refund('l', next.id);
            ended.add(next.id);
          }
          if (next.do === 'tally') {
            const counts = new Map([['c', next.amount]]);
            await store.tally({ table: 't', id: next.id, counts, ttlMs: 10 * LONG_MS });
            if (!tallied.has(next.id)) tally += next.amount;
            tallied.add(next.id);
          }
          if (next.do === 'add') {
            await store.add('n', 1, LONG_MS);
            adds++;
          }
          if (next.do === 'pass') await pass(10 * next.amount);
        }
        await recover();
        expect(store.state()).toMatchObject({ mode: 'shared', pending: 0 });
        expect(told.lost).toBe(0);
        await pass(LONG_MS);
        expect(await real.balances('l', ['a'])).toEqual([{ spent: total, held: 0 }]);
        expect((await real.tallied('t')).get('c') ?? 0).toBe(tally);
        expect(await real.add('n', 0, LONG_MS)).toBeLessThanOrEqual(adds);
      }),
      { numRuns: 150 },
    );
  });
});
