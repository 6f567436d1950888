import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import type { Store } from '../../src/stores/store.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { hold, storeContract } from './contract.ts';
import { settingsFor } from './redis-settings.ts';

const LONG_MS = 600_000;
const isUp = (store: Store) => vi.waitFor(() => store.get('any'), { timeout: 20_000 });

async function connected(port: number, more: object = {}): Promise<RedisStore> {
  const store = new RedisStore(systemClock, { ...settingsFor(port), ...more });
  await isUp(store);
  return store;
}

const ofTest = async (port: number, more: object = {}): Promise<RedisStore> => {
  const store = await connected(port, more);
  onTestFinished(() => store.close());
  return store;
};

describe.skipIf(!hasRedis)('the store in Redis', () => {
  storeContract(async () => {
    const server = await startRedis();
    const store = await connected(server.port);
    return {
      store,
      // Redis has a clock of its own, of whole milliseconds.
      pass: (ms) => sleep(ms + 2),
      async close() {
        await store.close();
        await server.close();
      },
    };
  }, 40);

  const up: { server?: RedisServer } = {};
  const server = (): RedisServer => {
    if (!up.server) throw new Error('It does not run.');
    return up.server;
  };
  beforeAll(async () => {
    up.server = await startRedis();
  });
  afterAll(() => up.server?.close());

  it('gives every key an end', async () => {
    const store = await ofTest(server().port, { keyPrefix: 'ends:' });
    await store.put('v', new Uint8Array(1), LONG_MS);
    await store.compareAndSet('c', undefined, new Uint8Array(1), LONG_MS);
    await store.add('n', 1, LONG_MS);
    await store.tally({ table: 't', id: '1', counts: new Map([['c', 1]]), ttlMs: LONG_MS });
    await store.reserve({ ledger: 'l', id: '1', ttlMs: LONG_MS, holds: [hold('a', 1, 1)] });
    await store.settle({ ledger: 'm', id: '1', spent: [{ account: 'a', amount: 1, ttlMs: LONG_MS }] });
    await store.refund('n', '1');
    const keys = (await server().command('KEYS', 'ends:*')) as string[];
    expect(keys).toHaveLength(5 + 4 + 4 + 2);
    for (const key of keys) expect(await server().command('PTTL', key)).toBeGreaterThan(LONG_MS / 2);
  });

  it('removes what is due from a ledger in bounded steps, whenever it is touched', async () => {
    const store = await ofTest(server().port, { keyPrefix: 'due:' });
    const reserve = (id: string) =>
      store.reserve({ ledger: 'l', id, ttlMs: 1, holds: [hold('a', 1, 1_000), hold(`${id} own`, 1, 1, { ttlMs: 1 })] });
    for (let i = 0; i < 250; i++) await reserve(`${i}`);
    await sleep(5);
    for (let i = 0; i < 8; i++) await store.balances('l', []);
    expect(await store.balances('l', ['a'])).toEqual([{ spent: 0, held: 0 }]);
    expect(await server().command('HLEN', 'due:l:{l}:accounts')).toBe(1);
    expect(await server().command('ZCARD', 'due:l:{l}:expiry')).toBe(1);
    expect(await server().command('HLEN', 'due:l:{l}:ids')).toBe(250);
  });

  it('goes on when the scripts are forgotten', async () => {
    const store = await ofTest(server().port);
    for (const flushed of [false, true, true]) {
      if (flushed) await server().command('SCRIPT', 'FLUSH');
      expect(await store.add(`n ${flushed}`, 1, LONG_MS)).toBeGreaterThan(0);
    }
    expect(await store.add('n true', 1, LONG_MS)).toBe(3);
  });

  it('takes an answer that came in time, though nobody had time to read it', async () => {
    const store = await ofTest(server().port, { timeoutMs: 50 });
    const busy = async () => {
      const answer = store.get('k').then(
        () => 'read',
        ({ failure }) => String(failure),
      );
      // Redis has all the time it needs, even on a busy machine, and this process has none.
      for (const untilMs = systemClock.now() + 200; systemClock.now() < untilMs; );
      return answer;
    };
    const rounds: string[] = [];
    while (rounds.length < 4 && !rounds.includes('read read read read'))
      rounds.push([await busy(), await busy(), await busy(), await busy()].join(' '));
    expect(rounds).toContain('read read read read');
  });

  it('needs no more rights than the documentation says', async () => {
    const documentation = readFileSync(new URL('../../docs/state.md', import.meta.url), 'utf8');
    const [, rights = ''] = /\*\*Rights\*\* of its user, (.*?);/s.exec(documentation) ?? [];
    const commands = [...rights.matchAll(/`([A-Z]+)`/g)].map(([, name = '']) => `+${name.toLowerCase()}`);
    expect(commands.length).toBeGreaterThan(15);
    await server().command('ACL', 'SETUSER', 'gateway', 'on', '>a-password', '~few:*', ...commands);
    const user = { username: 'gateway', password: 'a-password', keyPrefix: 'few:', db: 1 };
    const store = await ofTest(server().port, user);
    await store.put('v', new Uint8Array(1), LONG_MS);
    expect(await store.compareAndSet('v', new Uint8Array(1), undefined, LONG_MS)).toBe(true);
    await store.add('n', 1, LONG_MS);
    await store.delete('n');
    await store.keys('', 9);
    await store.tally({ table: 't', id: '1', counts: new Map([['c', 1]]), ttlMs: LONG_MS });
    await store.tallied('t');
    const holds = [hold('a', 1, 1, { ttlMs: 1 })];
    await store.reserve({ ledger: 'l', id: '1', ttlMs: 1, holds });
    await sleep(5);
    await store.settle({ ledger: 'l', id: '2', spent: [] });
    await store.refund('l', '3');
    expect(await store.balances('l', ['a'])).toEqual([{ spent: 0, held: 0 }]);
  });

  it('sees no keys of others', async () => {
    const [one, other] = [await ofTest(server().port, { keyPrefix: 'a:' }), await ofTest(server().port, { db: 1 })];
    await one.put('mine', new Uint8Array(1), LONG_MS);
    expect(await other.keys('', 9)).toEqual([]);
    expect(await one.keys('', 9)).toEqual(['mine']);
  });

  it('lets several clients draw on one ledger, and grants no more than the limit', async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => ofTest(server().port)));
    const tries = stores.flatMap((store, i) =>
      Array.from({ length: 60 }, (_, j) =>
        store.reserve({ ledger: 'race', id: `${i} ${j}`, ttlMs: LONG_MS, holds: [hold('a', 7, 1_000)] }),
      ),
    );
    expect((await Promise.all(tries)).filter(({ granted }) => granted)).toHaveLength(142);
  });
});

describe.skipIf(!hasRedis)('a Redis that fails', () => {
  const started = async (...options: string[]): Promise<RedisServer> => {
    const server = await startRedis(...options);
    onTestFinished(() => server.close());
    return server;
  };

  it('is unreachable while it is down, and found again by itself', async () => {
    const server = await started();
    const store = await ofTest(server.port);
    await server.stop();
    await vi.waitFor(() => expect(store.get('k')).rejects.toMatchObject({ failure: 'unreachable' }));
    await server.start();
    await isUp(store);
    expect(await store.add('n', 1, LONG_MS)).toBe(1);
  });

  it('may be down from the start', async () => {
    const server = await started();
    await server.stop();
    const store = new RedisStore(systemClock, settingsFor(server.port));
    onTestFinished(() => store.close());
    await expect(store.get('k')).rejects.toMatchObject({ failure: 'unreachable' });
    await server.start();
    await isUp(store);
  });

  it('is waited for no longer than allowed when it hangs, and what it does late counts once', async () => {
    const server = await started();
    const store = await ofTest(server.port, { timeoutMs: 50 });
    server.hang();
    const settle = () => store.settle({ ledger: 'l', id: '1', spent: [{ account: 'a', amount: 5, ttlMs: LONG_MS }] });
    await expect(settle()).rejects.toMatchObject({ failure: 'timeout' });
    await expect(settle()).rejects.toMatchObject({ failure: 'timeout' });
    server.goOn();
    await vi.waitFor(settle, { timeout: 20_000 });
    await vi.waitFor(async () => expect(await store.balances('l', ['a'])).toEqual([{ spent: 5, held: 0 }]));
  });

  it('is given up when it hangs for long, and connected to anew', async () => {
    const server = await started();
    const store = await ofTest(server.port, { timeoutMs: 10 });
    server.hang();
    await expect(store.get('k')).rejects.toMatchObject({ failure: 'timeout' });
    await vi.waitFor(() => expect(store.get('k')).rejects.toMatchObject({ failure: 'unreachable' }), {
      timeout: 20_000,
      interval: 20,
    });
    server.goOn();
    await isUp(store);
  });

  it('takes no more commands than a bound while it hangs', async () => {
    const server = await started();
    const store = await ofTest(server.port, { timeoutMs: 200 });
    server.hang();
    const tries = await Promise.allSettled(Array.from({ length: 1_500 }, () => store.get('k')));
    const causes = tries.map((each) => (each.status === 'rejected' ? each.reason.cause : 'answered'));
    expect(causes.filter((cause) => cause === 'too many commands are under way')).toHaveLength(500);
    server.goOn();
    await isUp(store);
  });

  it('may only be read after a failover, and is looked for again', async () => {
    const server = await started();
    const store = await ofTest(server.port);
    await server.command('REPLICAOF', '127.0.0.1', '1');
    await expect(store.add('n', 1, LONG_MS)).rejects.toMatchObject({ failure: 'read_only' });
    await server.command('REPLICAOF', 'NO', 'ONE');
    await vi.waitFor(() => store.add('n', 1, LONG_MS), { timeout: 20_000 });
  });

  it('may be full', async () => {
    const server = await started();
    const store = await ofTest(server.port);
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(store.put('k', new Uint8Array(1), LONG_MS)).rejects.toMatchObject({ failure: 'full', cause: 'OOM' });
    await expect(store.add('n', 1, LONG_MS)).rejects.toMatchObject({ failure: 'full' });
    const reservation = { ledger: 'l', id: '1', ttlMs: LONG_MS, holds: [hold('a', 1, 1)] };
    await expect(store.reserve(reservation)).rejects.toMatchObject({ failure: 'full' });
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await store.reserve(reservation)).toMatchObject({ granted: true });
    expect(await store.add('n', 1, LONG_MS)).toBe(1);
  });

  it('is told a password that nobody else learns', async () => {
    const server = await started();
    await server.command('CONFIG', 'SET', 'requirepass', 'right-password');
    const store = await ofTest(server.port, { password: 'right-password' });
    expect(await store.add('n', 1, LONG_MS)).toBe(1);
    const wrong = new RedisStore(systemClock, { ...settingsFor(server.port), password: 'wrong-password' });
    onTestFinished(() => wrong.close());
    const error = await vi.waitFor(async () => {
      const failure = await wrong.get('k').catch((one: unknown) => one);
      expect(failure).toMatchObject({ failure: 'unreachable', cause: 'WRONGPASS' });
      return failure as Error;
    });
    expect(`${error.stack} ${error.cause}`).not.toMatch(/wrong-password/);
  });

  it('is let go of when the store is closed', async () => {
    const server = await started();
    const store = await ofTest(server.port);
    server.hang();
    const waiting = store.get('k');
    waiting.catch(() => undefined);
    await store.close();
    await expect(waiting).rejects.toMatchObject({ failure: 'closed' });
    await expect(store.get('k')).rejects.toMatchObject({ failure: 'closed' });
  });
});
