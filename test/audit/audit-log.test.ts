import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AuditLog, type AuditLogParts } from '../../src/audit/audit-log.ts';
import type { AuditEvent } from '../../src/audit/event.ts';
import type { AuditNote } from '../../src/core/audit-note.ts';
import { systemClock } from '../../src/core/clock.ts';
import { errorKinds } from '../../src/core/errors.ts';
import { redactor } from '../../src/core/redact.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import { failingStore } from '../stores/failing-store.ts';
import { settingsFor } from '../stores/redis-settings.ts';
import { settle } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';

const SECRET = 'the-secret-of-a-provider';
const DAY_MS = 24 * 60 * 60 * 1000;

function setUp() {
  const clock = fakeClock();
  const real = new MemoryStore(clock, { maxEntries: 100_000, maxBytes: 100_000_000, maxAccounts: 10 });
  const failing = failingStore(real);
  let lost = 0;
  let replicas = 0;
  const replica = (parts: Partial<AuditLogParts> = {}) =>
    new AuditLog({
      values: failing.store,
      clock,
      redact: redactor([SECRET]),
      replica: `${++replicas}`.padStart(16, '0'),
      keptMs: 400 * DAY_MS,
      refusalsPerMinute: 3,
      lost: (events) => {
        lost += events;
      },
      ...parts,
    });
  return { clock, real, failing, replica, lost: () => lost };
}

const noteOf = (object: string): AuditNote => ({
  actor: 'ops',
  team: 'platform',
  action: 'key.create',
  object,
  requestId: 'call-1',
});

/** All events by pages of this size. */
async function allBy(log: AuditLog, limit: number): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  for (;;) {
    const page = await log.page({ limit, beforeId: events.at(-1)?.id ?? '' });
    if (page.length === 0) return events;
    events.push(...page);
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('note' as const), at: fc.nat(2) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3_000 }) }),
  fc.record({ do: fc.constant('fail' as const), done: fc.boolean() }),
  fc.record({ do: fc.constant('mend' as const) }),
);

describe('the audit log', () => {
  it('has every event once, in order, by pages of any size, whatever the store did meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), async (steps, limit) => {
        const { clock, failing, replica, lost } = setUp();
        const replicas = [replica(), replica(), replica()];
        const noted: string[][] = [[], [], []];
        for (const [i, one] of steps.entries()) {
          if (one.do === 'note') {
            replicas[one.at]?.note(noteOf(`${one.at} ${i}`));
            noted[one.at]?.push(`${one.at} ${i}`);
          }
          if (one.do === 'pass') clock.advance(one.ms);
          if (one.do === 'fail') failing.fault = { failure: 'timeout', done: one.done };
          if (one.do === 'mend') failing.fault = undefined;
          await settle();
        }
        failing.fault = undefined;
        const [first = replica()] = replicas;
        for (const each of replicas) await each.close();
        const events = await allBy(first, limit);
        const ids = events.map(({ id }) => id);
        expect(ids).toEqual([...new Set(ids)].sort().reverse());
        const oldestFirst = events.map(({ object }) => object).reverse();
        for (const [at, objects] of noted.entries())
          expect(oldestFirst.filter((object) => object.startsWith(`${at} `))).toEqual(objects);
        expect([events.length, lost()]).toEqual([noted.flat().length, 0]);
      }),
      { numRuns: 100 },
    );
  });

  it('gives what was noted, without secrets and what a terminal obeys, and nothing too long', async () => {
    const { replica, clock } = setUp();
    const log = replica();
    const before = { quotas: [1, { name: `x ${SECRET}` }] };
    log.note({
      ...noteOf(`a ${SECRET}\u001b[31m\n${'m'.repeat(999)}`),
      before,
      after: null,
      refusedBecause: 'conflict',
    });
    log.note({ ...noteOf('large'), after: 'x'.repeat(100_000) });
    const [large, event] = await log.page({ limit: 9, beforeId: '' });
    expect(event).toMatchObject({
      timeMs: clock.wallMs(),
      ...{ actor: 'ops', team: 'platform', action: 'key.create', requestId: 'call-1', refusedBecause: 'conflict' },
      ...{ before: '{"quotas":[1,{"name":"x [redacted]"}]}', after: 'null' },
    });
    expect(event?.object).toMatch(/^a \[redacted\] \[31m m+$/);
    expect(event?.object).toHaveLength(256);
    expect(large).toMatchObject({ before: '', after: '{"omitted_characters":100002}', refusedBecause: undefined });
  });

  it('is kept for its time', async () => {
    const { replica, clock } = setUp();
    const log = replica({ keptMs: 2 * DAY_MS });
    log.note(noteOf('a'));
    await log.flush();
    clock.advance(DAY_MS);
    log.note(noteOf('b'));
    await log.flush();
    clock.advance(DAY_MS);
    expect((await log.page({ limit: 9, beforeId: '' })).map(({ object }) => object)).toEqual(['b']);
  });

  it('goes on in order if the clock of the wall goes back', async () => {
    const { replica, clock } = setUp();
    let backMs = 0;
    const log = replica({ clock: { ...clock, wallMs: () => clock.wallMs() - backMs } });
    log.note(noteOf('a'));
    backMs = 5_000;
    log.note(noteOf('b'));
    expect((await log.page({ limit: 9, beforeId: '' })).map(({ object }) => object)).toEqual(['b', 'a']);
  });

  it('counts what is lost while a store fails for long, and keeps room for changes', async () => {
    const { replica, clock, failing, lost } = setUp();
    const log = replica({ refusalsPerMinute: 9_999 });
    const pass = async () => {
      clock.advance(1_000);
      await settle();
    };
    failing.fault = { failure: 'unreachable', done: false };
    const refusal = { actor: 'a', team: '', object: '', because: 'rate_limited', requestId: '' } as const;
    for (let i = 0; i < 700; i++) log.refused(refusal);
    expect(lost()).toBe(0);
    await pass();
    expect(lost()).toBe(200);
    for (let i = 0; i < 600; i++) log.note(noteOf('change'));
    await pass();
    expect(lost()).toBe(300);
    await expect(log.page({ limit: 9, beforeId: '' })).rejects.toMatchObject({ kind: 'store_unavailable' });
    await log.close();
    expect(lost()).toBe(1_300);
    log.note(noteOf('late'));
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind', async () => {
    const { replica, clock } = setUp();
    const log = replica({ refusalsPerMinute: 0 });
    log.note(noteOf('a'));
    log.refused({ actor: 'a', team: '', object: '', because: 'rate_limited', requestId: '' });
    await log.close();
    expect(clock.pending).toBe(0);
    expect(await allBy(log, 9)).toHaveLength(2);
  });

  it('is empty before an id that is none', async () => {
    const log = setUp().replica();
    log.note(noteOf('a'));
    expect(await log.page({ limit: 9, beforeId: 'zzz' })).toEqual([]);
  });
});

describe('refused calls', () => {
  it('have an event each, so many a minute, and one for all the others', async () => {
    const { replica, clock } = setUp();
    const log = replica();
    const refuse = (actor: string, because: AuditEvent['refusedBecause'] = 'rate_limited') =>
      log.refused({ actor, team: 't', object: 'openai/m', because, requestId: 'r' });
    for (let i = 0; i < 30; i++) refuse(`key-${i}`);
    refuse('key-29', 'model_not_allowed');
    clock.advance(60_000);
    refuse('later');
    const events = (await allBy(log, 9)).reverse();
    expect(events.map(({ actor }) => actor)).toEqual(['key-0', 'key-1', 'key-2', '', 'later']);
    expect(events[0]).toMatchObject({ action: 'call.refused', object: 'openai/m', refusedBecause: 'rate_limited' });
    const callers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key-${i + 3}`, 1]));
    expect(JSON.parse(events[3]?.after ?? '')).toEqual({
      calls: 28,
      reasons: { rate_limited: 27, model_not_allowed: 1 },
      callers: { ...callers, '(others)': 8 },
    });
  });

  it.each(errorKinds)('%s', async (because) => {
    const log = setUp().replica();
    log.refused({ actor: 'a', team: '', object: '', because, requestId: '' });
    const governed = ['unauthenticated', 'permission_denied', 'model_not_allowed', 'rate_limited', 'budget_exceeded'];
    expect(await allBy(log, 9)).toHaveLength(governed.includes(because) ? 1 : 0);
  });
});

describe('an audit log that lasts', () => {
  const parts = {
    clock: systemClock,
    redact: redactor([]),
    keptMs: DAY_MS,
    refusalsPerMinute: 3,
    lost: () => undefined,
  };

  it('is there after a restart at the same file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'antiphon-audit-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const open = () => new SqliteStore(systemClock, { path: join(folder, 'store.db'), maxBytes: 2 ** 30 });
    const store = open();
    const log = new AuditLog({ ...parts, values: store, replica: '1'.repeat(16) });
    for (const object of ['a', 'b', 'c']) log.note(noteOf(object));
    await log.close();
    await store.close();
    const again = open();
    const next = new AuditLog({ ...parts, values: again, replica: '2'.repeat(16) });
    next.note(noteOf('d'));
    expect((await allBy(next, 2)).map(({ object }) => object)).toEqual(['d', 'c', 'b', 'a']);
    await next.close();
    await again.close();
  });

  it.skipIf(!hasRedis)('is one for all replicas at a Redis', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const stores = [1, 2].map(() => new RedisStore(systemClock, settingsFor(redis.port)));
    for (const store of stores) await vi.waitFor(() => store.get('connected?'), { timeout: 20_000 });
    const logs = stores.map((values, i) => new AuditLog({ ...parts, values, replica: `${i}`.repeat(16) }));
    for (let i = 0; i < 40; i++) logs[i % 2]?.note(noteOf(`${i}`));
    for (const log of logs) await log.flush();
    for (const log of logs) {
      const events = await allBy(log, 7);
      expect(events.map(({ object }) => Number(object)).toSorted((a, b) => a - b)).toEqual([...Array(40).keys()]);
      expect(events.map(({ id }) => id)).toEqual(
        events
          .map(({ id }) => id)
          .toSorted()
          .reverse(),
      );
    }
    for (const log of logs) await log.close();
    for (const store of stores) await store.close();
  });
});
