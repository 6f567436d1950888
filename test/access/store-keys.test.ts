import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Access } from '../../src/access/access.ts';
import { digestOf } from '../../src/access/digest.ts';
import type { AccessSettings, KeyRecord } from '../../src/access/key-record.ts';
import { StoreKeys, type WantedKey } from '../../src/access/store-keys.ts';
import { storedKeys } from '../../src/access/stored-key.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { GatewayError } from '../../src/core/errors.ts';
import { StoredDocument } from '../../src/stores/document.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import type { Values } from '../../src/stores/store.ts';
import { failingStore } from '../stores/failing-store.ts';
import { fakeClock } from '../support/fake-clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BOUNDS = { maxEntries: 1_000, maxBytes: 100_000_000, maxAccounts: 10 };
const wanted: WantedKey = {
  name: 'billing',
  team: '',
  roles: ['caller'],
  allowedModels: undefined,
  expiresMs: undefined,
};
const called = (name: string, more: Partial<WantedKey> = {}): WantedKey => ({ ...wanted, name, ...more });
const settingsOf = (settings: Partial<AccessSettings> = {}): AccessSettings => ({
  keys: [],
  teams: new Map(),
  isOpenInWords: false,
  ...settings,
});
const configured = (name: string): KeyRecord => ({ ...called(name), digest: digestOf(`of ${name}`), isRevoked: false });

function replicaAt(values: Values, clock = fakeClock(), settings = settingsOf()) {
  const now = { settings };
  const document = new StoredDocument({ values, clock, name: 'keys', empty: [], parse: storedKeys });
  const keys = new StoreKeys({ document, clock, configured: () => now.settings });
  const access = new Access(settings, { clock, failed: () => undefined, sources: [keys] });
  return {
    keys,
    refresh: () => document.refresh(),
    configure(next: AccessSettings) {
      now.settings = next;
      access.reconfigure(next);
    },
    /** Who calls by this key; the kind of the error if nobody does. */
    who(key: string): string {
      try {
        return access.authenticate((name) => (name === 'x-api-key' ? key : undefined)).name;
      } catch (error) {
        return (error as GatewayError).kind;
      }
    },
  };
}

function setUp(settings?: AccessSettings) {
  const clock = fakeClock();
  const real = new MemoryStore(clock, BOUNDS);
  const failing = failingStore(real);
  return { clock, real, failing, replica: () => replicaAt(failing.store, clock, settings) };
}

describe('keys in the store', () => {
  it('let in by the key that was made, and by nothing that is kept', async () => {
    const { replica, real } = setUp();
    const { keys, who } = replica();
    expect([keys.hasKeys, who('anything-at-all')]).toEqual([false, 'anonymous']);
    const { key, record } = await keys.create(called('billing', { roles: ['viewer'], expiresMs: 1_800_000_000_000 }));
    expect(key).toMatch(/^ant_[\w-]{43}$/);
    expect(record).toMatchObject({ name: 'billing', roles: ['viewer'], isRevoked: false });
    expect([who(key), who(record.digest), who('anything-at-all')]).toEqual([
      'billing',
      'unauthenticated',
      'unauthenticated',
    ]);
    const kept = await Promise.all((await real.keys('', 99)).map((name) => real.get(name)));
    const text = kept.map((bytes) => new TextDecoder().decode(bytes)).join();
    expect(text).toContain(record.digest);
    expect(text).not.toContain(key.slice(4, 20));
  });

  it('are lost by no number of admins at once, and have names of their own', async () => {
    const step = fc.record({ at: fc.nat(1), name: fc.constantFrom('a', 'A', 'b', 'c'), ends: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { replica } = setUp();
        const replicas = [replica(), replica()];
        const made = new Map<string, string>();
        const ended = new Set<string>();
        const outcomes = await Promise.all(
          steps.map(async ({ at, name, ends }) => {
            const { keys } = replicas[at] ?? replica();
            try {
              if (ends) ended.add((await keys.revoke(name)).name);
              else made.set(name, (await keys.create(called(name))).key);
              return 'done';
            } catch (error) {
              return (error as GatewayError).kind;
            }
          }),
        );
        expect(outcomes.filter((outcome) => !['done', 'already_exists', 'not_found'].includes(outcome))).toEqual([]);
        const creations = steps.filter(({ ends }) => !ends).map(({ name }) => name.toLowerCase());
        expect(made.size).toBe(new Set(creations).size);
        for (const { keys, refresh, who } of replicas) {
          await refresh();
          expect(keys.list().map(({ record }) => record.name)).toEqual([...made.keys()].sort());
          for (const [name, key] of made) expect(who(key)).toBe(ended.has(name) ? 'unauthenticated' : name);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are ended once, everywhere, and stay in the list', async () => {
    const { replica } = setUp();
    const [one, other] = [replica(), replica()];
    const { key } = await one.keys.create(wanted);
    await other.refresh();
    expect(other.who(key)).toBe('billing');
    expect(await one.keys.revoke('billing')).toMatchObject({ isRevoked: true });
    expect(await one.keys.revoke('billing')).toMatchObject({ isRevoked: true });
    expect([one.who(key), other.who(key)]).toEqual(['unauthenticated', 'billing']);
    await other.refresh();
    expect([other.who(key), other.keys.list()]).toMatchObject(['unauthenticated', [{ record: { isRevoked: true } }]]);
    await expect(other.keys.create(wanted)).rejects.toMatchObject({ kind: 'already_exists' });
    await expect(other.keys.revoke('nobody')).rejects.toMatchObject({ kind: 'not_found' });
  });

  it('yield to those of the configuration, and come back when it has them no more', async () => {
    const { replica } = setUp();
    const { keys, who, configure } = replica();
    const { key } = await keys.create(wanted);
    configure(settingsOf({ keys: [configured('Billing')] }));
    expect([who(key), who('of Billing'), who('of-Billing')]).toEqual([
      'unauthenticated',
      'unauthenticated',
      'unauthenticated',
    ]);
    expect(keys.list().map(({ record, isConfigured }) => [record.name, isConfigured])).toEqual([['Billing', true]]);
    await expect(keys.create(called('BILLING'))).rejects.toMatchObject({ kind: 'already_exists' });
    await expect(keys.revoke('Billing')).rejects.toMatchObject({ kind: 'failed_precondition' });
    configure(settingsOf());
    expect(who(key)).toBe('billing');
  });

  it('open nothing while their team is not in the configuration', async () => {
    const teams = new Map([['search', { allowedModels: ['openai/*'] }]]);
    const { replica } = setUp(settingsOf({ teams }));
    const { keys, who, configure } = replica();
    const { key } = await keys.create(called('billing', { team: 'search' }));
    expect(who(key)).toBe('billing');
    configure(settingsOf());
    expect(who(key)).toBe('unauthenticated');
  });

  it('do not close what the configuration has opened in so many words', async () => {
    const { replica } = setUp();
    const { keys, who, configure } = replica();
    const { key } = await keys.create(wanted);
    configure(settingsOf({ isOpenInWords: true }));
    expect([who(key), who('anything-at-all')]).toEqual(['anonymous', 'anonymous']);
  });

  it('go on counting while the store fails, which nobody can change then', async () => {
    const { replica, failing } = setUp();
    const { keys, who, refresh } = replica();
    const { key } = await keys.create(wanted);
    failing.fault = { failure: 'unreachable', done: false };
    await expect(refresh()).rejects.toThrow();
    expect(who(key)).toBe('billing');
    await expect(keys.create(called('b'))).rejects.toMatchObject({ kind: 'store_unavailable' });
    await expect(keys.revoke('billing')).rejects.toMatchObject({ kind: 'store_unavailable' });
    failing.fault = undefined;
    await keys.revoke('billing');
    expect(who(key)).toBe('unauthenticated');
  });

  it('end at their time, and go from the list long after', async () => {
    const { replica, clock } = setUp();
    const { keys, who } = replica();
    const { key } = await keys.create(called('short', { expiresMs: clock.wallMs() + 1_000 }));
    await keys.create(called('ended'));
    await keys.revoke('ended');
    clock.advance(1_000);
    expect(who(key)).toBe('unauthenticated');
    clock.advance(399 * DAY_MS);
    await keys.create(called('b'));
    expect(keys.list()).toHaveLength(3);
    clock.advance(2 * DAY_MS);
    await keys.create(called('c'));
    expect(keys.list().map(({ record }) => record.name)).toEqual(['b', 'c']);
  });

  it('are no more than there is room for', async () => {
    const { replica } = setUp();
    const { keys } = replica();
    const allowedModels = Array.from({ length: 1_000 }, (_, i) => `provider/${'m'.repeat(5_000)}${i}`);
    await keys.create(called('a', { allowedModels }));
    await expect(keys.create(called('b', { allowedModels }))).rejects.toMatchObject({ kind: 'failed_precondition' });
    expect(keys.list()).toHaveLength(1);
  });

  it('are there after a restart at the same file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'antiphon-keys-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const open = () => new SqliteStore(systemClock, { path: join(folder, 'store.db'), maxBytes: 2 ** 30 });
    const store = open();
    const { key } = await replicaAt(store).keys.create(wanted);
    await store.close();
    const again = open();
    onTestFinished(() => again.close());
    const { refresh, who } = replicaAt(again);
    await refresh();
    expect(who(key)).toBe('billing');
  });
});

describe('what the store has for a key', () => {
  const good = { name: 'a', digest: '0'.repeat(64), team: 't', roles: ['admin'] };

  it.each([
    [{ ...good, digest: '0' }],
    [{ ...good, name: '' }],
    [{ ...good, roles: [] }],
    [{ ...good, roles: ['owner'] }],
    [{ ...good, roles: 'admin' }],
    [{ ...good, expiresMs: '1' }],
    [{ ...good, revokedMs: null }],
    [{ ...good, allowedModels: '*' }],
    [{ ...good, allowedModels: [1] }],
    ['a'],
    [null],
  ])('is none if it is %j', (entry) => {
    expect(storedKeys([good, entry])).toHaveLength(1);
    expect(storedKeys(entry)).toBeUndefined();
  });

  it('is read as it was written', () => {
    const key = { ...good, allowedModels: ['a/*'], expiresMs: 5, revokedMs: 6 };
    expect(storedKeys(JSON.parse(JSON.stringify([key])))).toEqual([key]);
  });
});
