import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import { REMEMBERED_MS } from '../../src/stores/store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { hold, storeContract } from './contract.ts';
import { type Drawing, startDrawing } from './drawing.ts';

const folder = mkdtempSync(join(tmpdir(), 'antiphon-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LONG_MS = 600_000;
const MAX_BYTES = 64 * 1024 * 1024;
let serial = 0;
const newPath = () => join(folder, `${++serial}.db`);
const open = (path: string, clock: { wallMs(): number } = systemClock, maxBytes = MAX_BYTES) =>
  new SqliteStore(clock, { path, maxBytes });

describe('the store in a file', () => {
  storeContract(async () => {
    const clock = fakeClock();
    const store = open(newPath(), clock);
    return { store, pass: async (ms) => clock.advance(ms), close: () => store.close() };
  });

  it('lasts', async () => {
    const [path, clock] = [newPath(), fakeClock()];
    const first = open(path, clock);
    await first.put('k', Uint8Array.of(1, 0, 2), LONG_MS);
    await first.add('n', 5, LONG_MS);
    await first.tally({ table: 't', id: '1', counts: new Map([['c', 2]]), ttlMs: LONG_MS });
    await first.reserve({ ledger: 'l', id: '1', ttlMs: LONG_MS / 2, holds: [hold('a', 6, 10)] });
    await first.close();
    const second = open(path, clock);
    expect([...((await second.get('k')) ?? [])]).toEqual([1, 0, 2]);
    expect(await second.add('n', 1, LONG_MS)).toBe(6);
    await second.tally({ table: 't', id: '1', counts: new Map([['c', 2]]), ttlMs: LONG_MS });
    expect(await second.tallied('t')).toEqual(new Map([['c', 2]]));
    expect(await second.balances('l', ['a'])).toEqual([{ spent: 0, held: 6 }]);
    clock.advance(LONG_MS / 2);
    expect(await second.balances('l', ['a'])).toEqual([{ spent: 0, held: 0 }]);
    await second.close();
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['a folder', () => undefined, /cannot be opened: .*Its folder must exist/],
    ['what is no database', (path) => writeFileSync(path, 'x'.repeat(8_192)), /cannot be opened: .*not a database/],
    ['a newer version', (path) => new DatabaseSync(path).exec('PRAGMA user_version = 99'), /newer version: use that/],
  ])('says what to do about %s', (what, prepare, message) => {
    const path = what === 'a folder' ? folder : newPath();
    prepare(path);
    expect(() => open(path)).toThrow(message);
  });

  it('stays within its bound, says so, and goes on when there is room again', async () => {
    const [path, clock] = [newPath(), fakeClock()];
    const store = open(path, clock, 512 * 1024);
    const fill = async () => {
      for (let i = 0; i < 1_000; i++) await store.put(`k${i}`, new Uint8Array(4_096), 1_000);
    };
    await expect(fill()).rejects.toMatchObject({ failure: 'full' });
    await store.get('k0');
    clock.advance(1_000);
    for (let i = 0; i < 100; i++) await store.delete('none');
    await store.put('k', new Uint8Array(4_096), 1_000);
    await store.close();
    expect(statSync(path).size).toBeLessThanOrEqual(512 * 1024);
  });

  it('removes what has outlived its time as fast as more can come', async () => {
    const [path, clock] = [newPath(), fakeClock()];
    const store = open(path, clock);
    for (let i = 0; i < 3_000; i++) {
      clock.advance(10);
      await store.put(`k${i}`, new Uint8Array(10), 100);
      await store.add(`n${i}`, 1, 100);
      await store.tally({ table: `t${i}`, id: '1', counts: new Map([['c', 1]]), ttlMs: 100 });
      await store.reserve({ ledger: 'l', id: `${i}`, ttlMs: 50, holds: [hold(`a${i}`, 1, 1, { ttlMs: 100 })] });
    }
    // Those that were open are remembered for an hour from when that is noticed.
    for (let hour = 0; hour < 2; hour++) {
      clock.advance(REMEMBERED_MS);
      await store.balances('l', []);
      for (let i = 0; i < 4_000; i++) await store.delete('none');
    }
    await store.close();
    const rows = new DatabaseSync(path);
    for (const table of ['cells', 'counters', 'accounts', 'reservations', 'tallies', 'tally_counts', 'tally_ids'])
      expect(rows.prepare(`SELECT count(*) AS n FROM ${table}`).get()).toEqual({ n: 0 });
    rows.close();
  });

  it('says that another holds the file for too long, and that it is closed', async () => {
    const path = newPath();
    const store = open(path);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.add('n', 1, LONG_MS)).rejects.toMatchObject({ failure: 'timeout' });
    other.exec('ROLLBACK');
    other.close();
    expect(await store.add('n', 1, LONG_MS)).toBe(1);
    await store.close();
    await store.close();
    await expect(store.add('n', 1, LONG_MS)).rejects.toMatchObject({ failure: 'closed' });
    await expect(store.get('n')).rejects.toMatchObject({ failure: 'closed' });
  });
});

/** What a file says of the ledger that the children drew on. */
function audit(path: string) {
  const db = new DatabaseSync(path);
  const { integrity_check } = db.prepare('PRAGMA integrity_check').get() as { integrity_check: string };
  const rows = db.prepare("SELECT held FROM reservations WHERE state = 'open'").all() as { held: string }[];
  const open = rows.flatMap(({ held }) => JSON.parse(held) as [string, number][]);
  const done = db.prepare("SELECT count(*) AS n FROM reservations WHERE state = 'done'").get() as { n: number };
  db.close();
  return { integrity_check, held: open.reduce((sum, [, amount]) => sum + amount, 0), done: done.n };
}

describe('several processes at one file', () => {
  const all = async (path: string, drawings: readonly Drawing[]) => {
    const child = drawings.map((drawing) => startDrawing(path, drawing));
    expect(await Promise.all(child.map(({ code }) => code))).toEqual(drawings.map(() => 0));
  };

  it('lose nothing, and grant no more than there is', async () => {
    const path = newPath();
    await all(path, [
      { name: 'one', rounds: 300, limit: 400 },
      { name: 'other', rounds: 300, limit: 400 },
    ]);
    const store = open(path);
    expect(await store.add('rounds', 0, LONG_MS)).toBe(600);
    // Each grant spends 1.
    expect(await store.balances('l', ['a'])).toEqual([{ spent: 400, held: 0 }]);
    expect((await store.tallied('t')).get('c')).toBe(600);
    await store.close();
    expect(audit(path)).toMatchObject({ integrity_check: 'ok', held: 0 });
  });

  it('leave a file that is right when one is killed in the middle', async () => {
    const path = newPath();
    for (let i = 0; i < 3; i++) {
      const child = startDrawing(path, { name: `killed ${i}`, rounds: 1_000_000, limit: 10_000_000 });
      await child.at(20 + 37 * i);
      child.kill();
      expect(await child.code).toBeNull();
    }
    const store = open(path);
    const [balance] = await store.balances('l', ['a']);
    const { integrity_check, held, done } = audit(path);
    expect(integrity_check).toBe('ok');
    expect(balance).toEqual({ spent: done, held });
    expect(await store.reserve({ ledger: 'l', id: 'x', ttlMs: 1, holds: [hold('a', 1, 10 ** 9)] })).toMatchObject({
      granted: true,
    });
    await store.close();
  });
});
