import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/problem.ts';
import type { RuntimeSettings } from '../../src/config/runtime-settings.ts';
import { LiveSettings } from '../../src/settings/live-settings.ts';
import { type StoredSettings, storedSettings } from '../../src/settings/stored-settings.ts';
import { StoredDocument } from '../../src/stores/document.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { failingStore } from '../stores/failing-store.ts';
import { settle } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { configOf } from '../support/gateway.ts';

const LOOK_MS = 2_000;
const FILE = 'fallback: { answers: { sorry: Sorry. } }\n';
const routed: StoredSettings = { routing: { routes: { r: { targets: ['fallback/sorry'] } } } };
const BAD: StoredSettings = { allowedModels: ['two words'] };

function setUp() {
  const clock = fakeClock();
  const failing = failingStore(new MemoryStore(clock, { maxEntries: 99, maxBytes: 1_000_000, maxAccounts: 9 }));
  const replica = ({ fixed = false } = {}) => {
    const at = { file: FILE, config: configOf(FILE), refusal: undefined as Error | undefined };
    const applied: (number | undefined)[] = [];
    const lines: string[] = [];
    let rejected = 0;
    const parts = { values: failing.store, clock, name: 'settings', empty: {}, parse: storedSettings };
    const document = new StoredDocument<StoredSettings>(parts);
    const read = (settings: RuntimeSettings | undefined) => configOf(at.file, {}, settings);
    const write = (_: unknown, msg: string) => {
      if (msg !== 'notice') lines.push(msg);
    };
    const settings = new LiveSettings({
      document,
      source: fixed ? undefined : { read, check: read },
      inEffect: () => at.config,
      check() {
        if (at.refusal) throw at.refusal;
      },
      apply(config: Config) {
        at.config = config;
        applied.push(config.settings.changed?.revision);
        return ['server'];
      },
      rejected: () => rejected++,
      log: { info: write, warn: write, error: write },
    });
    return { at, settings, document, applied, lines, rejected: () => rejected };
  };
  const look = async () => {
    clock.advance(LOOK_MS);
    await settle();
  };
  return { clock, failing, replica, look };
}

const changeOf = (settings: StoredSettings, revision = 0, validateOnly = false) => ({
  settings,
  revision,
  validateOnly,
});

describe('settings', () => {
  it('are in effect at once where they were changed, and at the next look elsewhere', async () => {
    const { replica, look, clock } = setUp();
    const [one, other] = [replica(), replica()];
    for (const { settings } of [one, other]) await settings.begin();
    expect(await one.settings.update(changeOf(routed))).toMatchObject({ revision: 1, changed: routed });
    expect([one.applied, other.applied]).toEqual([[1], []]);
    await look();
    await look();
    expect([one.applied, other.applied]).toEqual([[1], [1]]);
    expect(other.settings.now()).toMatchObject({ revision: 1, routing: { routes: { r: {} } } });
    for (const { settings } of [one, other]) settings.close();
    expect(clock.pending).toBe(0);
  });

  it('are there at the start, before anybody calls', async () => {
    const { replica } = setUp();
    await replica().settings.update(changeOf(routed));
    const { settings, applied } = replica();
    await settings.begin();
    expect(applied).toEqual([1]);
    settings.close();
  });

  it('that do not fit are told of once, and tried again with each reload', async () => {
    const { replica, look } = setUp();
    const [one, other] = [replica(), replica()];
    await other.settings.begin();
    other.at.file = '';
    await one.settings.update(changeOf(routed));
    await look();
    await look();
    const told = 'settings of the store not in effect: the last good ones stay';
    expect([other.applied, other.lines, other.rejected()]).toEqual([[], [told], 1]);
    expect(other.settings.now()).toMatchObject({ revision: 1, changed: routed, routing: { routes: {} } });
    expect(other.settings.reload()).toEqual(['server']);
    expect([other.applied, other.rejected()]).toEqual([[undefined], 1]);
    other.at.file = FILE;
    other.settings.reload();
    expect(other.applied).toEqual([undefined, 1]);
    await look();
    other.at.file = '';
    expect(() => other.settings.reload()).toThrow(/would not be valid/);
    expect([other.applied, other.rejected()]).toEqual([[undefined, 1], 2]);
    other.settings.close();
  });

  it.each([
    ['a revision that is not the last one', changeOf(routed, 7), 'conflict'],
    ['what is not valid', changeOf(BAD), 'invalid_request'],
    ['what is not valid, if it is only checked', changeOf(BAD, 0, true), 'invalid_request'],
  ])('refuse %s, and stay', async (_, change, kind) => {
    const { settings, applied, document } = setUp().replica();
    await expect(settings.update(change)).rejects.toMatchObject({ kind });
    expect([applied, document.current.revision]).toEqual([[], 0]);
  });

  it('are those of one of several who change them at once', async () => {
    const { replica } = setUp();
    const replicas = [replica(), replica(), replica()];
    const all = await Promise.allSettled(replicas.map(({ settings }) => settings.update(changeOf(routed))));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const { document } of replicas) await document.refresh();
    expect(replicas.map(({ document }) => document.current.revision)).toEqual([1, 1, 1]);
    for (const one of all) if (one.status === 'rejected') expect(one.reason).toMatchObject({ kind: 'conflict' });
  });

  it('are not kept if they could not be put into effect for what is there', async () => {
    const { at, settings, document } = setUp().replica();
    at.refusal = new ConfigError([{ path: 'access.keys', problem: 'has none any more', fix: 'See the file.' }]);
    await expect(settings.update(changeOf(routed))).rejects.toMatchObject({
      kind: 'invalid_request',
      facts: { violations: [{ field: 'access.keys', description: 'has none any more. See the file.' }] },
    });
    expect(document.current.revision).toBe(0);
  });

  it('stay while the store fails, and nobody changes them then', async () => {
    const { replica, failing, look } = setUp();
    const { settings, applied, lines } = replica();
    failing.fault = { failure: 'unreachable', done: false };
    await settings.begin();
    expect(lines).toEqual(['settings of the store not read: the file counts until it is there']);
    await expect(settings.update(changeOf(routed))).rejects.toMatchObject({ kind: 'store_unavailable' });
    failing.fault = undefined;
    await replica().settings.update(changeOf(routed));
    await look();
    expect(applied).toEqual([1]);
    settings.close();
  });

  it('are fixed where the configuration cannot be read again', async () => {
    const { settings, applied } = setUp().replica({ fixed: true });
    await expect(settings.update(changeOf(routed))).rejects.toMatchObject({ kind: 'failed_precondition' });
    expect(() => settings.reload()).toThrow(/fixed/);
    expect(applied).toEqual([]);
  });
});

describe('what the store has for settings', () => {
  it.each([
    [null],
    [[]],
    ['a'],
    [{ other: 1 }],
    [{ allowedModels: 'a' }],
    [{ allowedModels: [1] }],
    [{ quotas: [] }],
    [{ routing: null }],
  ])('is none if it is %j', (json) => {
    expect(storedSettings(json)).toBeUndefined();
  });

  it('is read as it was written', () => {
    const settings = { allowedModels: ['a'], quotas: { all: {} }, routing: {} };
    expect(storedSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
    expect(storedSettings({})).toEqual({});
  });
});
