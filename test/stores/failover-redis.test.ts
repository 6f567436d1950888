import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { FailoverStore } from '../../src/stores/failover.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { hold } from './contract.ts';
import { settingsFor } from './redis-settings.ts';

const LONG_MS = 600_000;
const BOUNDS = { maxEntries: 1_000, maxBytes: 1_000_000, maxAccounts: 100_000 };
const SETTINGS = {
  failuresToLeave: 3,
  probesToReturn: 2,
  probeMs: 20,
  maxProbeMs: 200,
  maxPending: 100_000,
  maxSeen: 100_000,
};
/** How long any wait of a test may be. */
const PATIENCE = { timeout: 20_000, interval: 10 };

interface Scene {
  readonly server: RedisServer;
  readonly store: FailoverStore;
  readonly modes: string[];
  readonly lost: { count: number };
  /** Calls go on until this is called, which gives how many there were of each. */
  load(): () => Promise<{ readonly rounds: number; readonly spent: number }>;
  recovered(): Promise<void>;
}

async function scene(): Promise<Scene> {
  const server = await startRedis();
  onTestFinished(() => server.close());
  const modes: string[] = [];
  const lost = { count: 0 };
  const store = new FailoverStore({
    clock: systemClock,
    settings: SETTINGS,
    shared: new RedisStore(systemClock, settingsFor(server.port, 50)),
    local: () => new MemoryStore(systemClock, BOUNDS),
    changed: (mode, failure) => modes.push(failure ? `${mode} ${failure}` : mode),
    failed: () => undefined,
    lost: () => lost.count++,
    left: () => undefined,
  });
  onTestFinished(() => store.close());
  const recovered = () =>
    vi.waitFor(() => expect(store.state()).toMatchObject({ mode: 'shared', pending: 0 }), PATIENCE);
  await store.start();
  await recovered();
  return { server, store, modes, lost, recovered, load: () => load(store) };
}

/** Every call must succeed. */
function load(store: FailoverStore): ReturnType<Scene['load']> {
  const running = { isOver: false, rounds: 0, spent: 0 };
  const one = async (worker: number) => {
    for (let round = 0; !running.isOver; round++) {
      const id = `${worker} ${round}`;
      const { granted } = await store.reserve({ ledger: 'l', id, ttlMs: LONG_MS, holds: [hold('a', 2, 1e12)] });
      await store.put(`k${worker}`, new Uint8Array(10), LONG_MS);
      await store.get(`k${worker}`);
      await store.compareAndSet(`c${worker}`, undefined, new Uint8Array(1), LONG_MS);
      await store.add('n', 1, LONG_MS);
      await store.tally({ table: 't', id, counts: new Map([['c', 1]]), ttlMs: LONG_MS });
      if (round % 5 === 4) await store.refund('l', id);
      else {
        await store.settle({ ledger: 'l', id, spent: [{ account: 'a', amount: 3, ttlMs: LONG_MS }] });
        running.spent += 3;
      }
      if (granted) running.rounds++;
      await new Promise((resolve) => void systemClock.after(1, () => resolve(undefined)));
    }
  };
  const workers = Array.from({ length: 8 }, (_, worker) => one(worker));
  return async () => {
    running.isOver = true;
    await Promise.all(workers);
    return running;
  };
}

/** Nothing was lost, and nothing counted twice. */
async function isRight({ store, lost }: Scene, { rounds, spent }: { rounds: number; spent: number }): Promise<void> {
  expect(lost.count).toBe(0);
  // A machine that is busy may let it go once more.
  await vi.waitFor(async () => {
    expect(await store.balances('l', ['a'])).toEqual([{ spent, held: 0 }]);
    expect((await store.tallied('t')).get('c')).toBe(rounds);
  }, PATIENCE);
  expect(await store.add('n', 0, LONG_MS)).toBeLessThanOrEqual(rounds);
}

const gone = ({ store }: Scene) => vi.waitFor(() => expect(store.state().mode).toBe('local'), PATIENCE);
const more = async ({ store }: Scene, ms: number) => {
  const untilMs = systemClock.now() + ms;
  await vi.waitFor(() => expect(systemClock.now()).toBeGreaterThan(untilMs), PATIENCE);
  expect(store.state().mode).toBe('local');
};

describe.skipIf(!hasRedis)('a Redis that fails while calls go on', () => {
  it.each<[string, (server: RedisServer) => unknown, (server: RedisServer) => unknown, RegExp]>([
    ['hangs', (server) => server.hang(), (server) => server.goOn(), /timeout|unreachable/],
    [
      'may only be read',
      (server) => server.command('REPLICAOF', '127.0.0.1', '1'),
      (server) => server.command('REPLICAOF', 'NO', 'ONE'),
      /read_only|unreachable/,
    ],
    [
      'is full',
      (server) => server.command('CONFIG', 'SET', 'maxmemory', '1'),
      (server) => server.command('CONFIG', 'SET', 'maxmemory', '0'),
      /full/,
    ],
  ])('and %s: no call fails, and all is counted once', async (_, harm, heal, why) => {
    const stage = await scene();
    const end = stage.load();
    await vi.waitFor(async () => expect(await stage.store.add('n', 0, LONG_MS)).toBeGreaterThan(20), PATIENCE);
    await harm(stage.server);
    await gone(stage);
    await more(stage, 150);
    await heal(stage.server);
    await stage.recovered();
    const counted = await end();
    await stage.recovered();
    await isRight(stage, counted);
    expect(stage.modes.find((mode) => mode.startsWith('local '))).toMatch(why);
  });

  it('and is restarted empty: no call fails, and what was spent meanwhile is there', async () => {
    const stage = await scene();
    const { store, server } = stage;
    const settle = (id: string) =>
      store.settle({ ledger: 'l', id, spent: [{ account: 'a', amount: 1, ttlMs: LONG_MS }] });
    await settle('before');
    await stage.recovered();
    await server.stop();
    for (let i = 0; i < 10; i++) await settle(`during ${i}`);
    expect(store.state().mode).toBe('local');
    await server.start();
    await stage.recovered();
    await vi.waitFor(async () => expect(await store.balances('l', ['a'])).toEqual([{ spent: 10, held: 0 }]), PATIENCE);
  });

  it('and comes and goes, and forgets its scripts: it settles down by itself', async () => {
    const stage = await scene();
    const { server, store } = stage;
    const end = stage.load();
    for (let i = 0; i < 4; i++) {
      await server.stop();
      await gone(stage);
      await server.start();
      await stage.recovered();
      await server.command('SCRIPT', 'FLUSH');
    }
    for (let i = 0; i < 4; i++) {
      server.hang();
      await more(stage, 0).catch(() => undefined);
      server.goOn();
    }
    await stage.recovered();
    await end();
    await stage.recovered();
    expect(stage.lost.count).toBe(0);
    await vi.waitFor(async () => expect(await store.balances('l', ['a'])).toMatchObject([{ held: 0 }]), PATIENCE);
  });

  it('and was never there: it is looked for', async () => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    await server.stop();
    const store = new FailoverStore({
      clock: systemClock,
      settings: SETTINGS,
      shared: new RedisStore(systemClock, settingsFor(server.port, 50)),
      local: () => new MemoryStore(systemClock, BOUNDS),
      changed: () => undefined,
      failed: () => undefined,
      lost: () => undefined,
      left: () => undefined,
    });
    onTestFinished(() => store.close());
    await store.start();
    expect(store.state().mode).toBe('local');
    await store.settle({ ledger: 'l', id: '1', spent: [{ account: 'a', amount: 7, ttlMs: LONG_MS }] });
    await server.start();
    await vi.waitFor(() => expect(store.state()).toMatchObject({ mode: 'shared', pending: 0 }), PATIENCE);
    await vi.waitFor(async () => expect(await store.balances('l', ['a'])).toEqual([{ spent: 7, held: 0 }]), PATIENCE);
  });
});
