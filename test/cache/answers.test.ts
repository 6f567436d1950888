import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompleteResponse, CompleteResponseSchema, FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { Answers } from '../../src/cache/answers.ts';
import type { Entry } from '../../src/cache/entry.ts';
import { type CacheSettings, noCache } from '../../src/cache/settings.ts';
import { seeded } from '../routing/routes.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { fakeStore } from '../support/fake-store.ts';

const TTL_MS = 10_000;
const origin = { target: { provider: 'p', model: 'm' }, warnings: [] };

const entryOf = (key: string, more: Partial<Entry> = {}): Entry => ({ key, tenant: 'team:a', model: 'p/m', ...more });

const answer = (text = 'x'): CompleteResponse =>
  create(CompleteResponseSchema, {
    id: 'of another call',
    content: [{ part: { case: 'text', value: text }, providerState: { provider: 'p', data: new Uint8Array([1]) } }],
    finishReason: FinishReason.STOP,
    usage: { totalTokens: 5n },
  });

const open = (settings: Partial<CacheSettings> = {}, clock = fakeClock(), store = fakeStore(clock)) => ({
  clock,
  store,
  answers: new Answers({ ...noCache, enabled: true, ...settings }, { clock, store }),
});

const alone = (settings: Partial<CacheSettings> = {}, clock: FakeClock = fakeClock()) => ({
  clock,
  answers: new Answers({ ...noCache, enabled: true, ...settings }, { clock }),
});

describe('answers in one process', () => {
  it('come back as they were, but for what belongs to a call, as long as their time lasts', () => {
    const { clock, answers } = alone();
    answers.put(entryOf('a'), answer(), origin, TTL_MS);
    const { id: _, ...kept } = answer();
    expect(answers.find(entryOf('a'))).toEqual({ ...kept, id: '', provider: 'p', model: 'm' });
    expect(answers.find(entryOf('b'))).toBeUndefined();
    clock.advance(TTL_MS - 1);
    expect(answers.find(entryOf('a'))).toBeDefined();
    clock.advance(2);
    expect(answers.find(entryOf('a'))).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('are listed by whose they are and of what, those used last first, as long as their time lasts', () => {
    const { clock, answers } = alone();
    answers.put(entryOf('a'), answer(), origin, 500);
    answers.put(entryOf('b', { tenant: 'key:k' }), answer(), origin, TTL_MS);
    answers.put(entryOf('c', { model: 'p/n' }), answer(), origin, TTL_MS);
    answers.find(entryOf('a'));
    const list = (...[wanted, most = 10]: [Parameters<Answers['list']>[0], number?]) =>
      answers.list(wanted, most).map(({ tenant, model }) => `${tenant} ${model}`);
    expect(list({})).toEqual(['team:a p/m', 'team:a p/n', 'key:k p/m']);
    expect(list({}, 2)).toEqual(['team:a p/m', 'team:a p/n']);
    expect(list({ tenant: 'team:a' })).toEqual(['team:a p/m', 'team:a p/n']);
    expect(list({ model: 'p/m' })).toEqual(['team:a p/m', 'key:k p/m']);
    expect(list({ tenant: 'key:k', model: 'p/n' })).toEqual([]);
    const [first] = answers.list({}, 1);
    expect(first?.leftMs).toBe(500);
    expect(answers.list({}, 10).reduce((sum, { bytes }) => sum + bytes, 0)).toBe(answers.stats.bytes);
    clock.advance(501);
    expect(list({})).toEqual(['team:a p/n', 'key:k p/m']);
  });

  it('are not changed by whoever gets them', () => {
    const { answers } = alone();
    const given = answer();
    answers.put(entryOf('a'), given, origin, TTL_MS);
    given.content = [];
    const first = answers.find(entryOf('a'));
    first?.content.splice(0);
    first?.usage && Object.assign(first.usage, { totalTokens: 0n });
    expect(answers.find(entryOf('a'))).toMatchObject({ content: [{}], usage: { totalTokens: 5n } });
  });

  it('are bounded in size and number, those not used for longest going first', () => {
    const { answers } = alone({ maxEntries: 2, maxAnswerBytes: 2_000 });
    for (const key of ['a', 'b']) answers.put(entryOf(key), answer(), origin, TTL_MS);
    answers.find(entryOf('a'));
    answers.put(entryOf('c'), answer(), origin, TTL_MS);
    expect(['a', 'b', 'c'].map((key) => answers.find(entryOf(key)) !== undefined)).toEqual([true, false, true]);
    expect(answers.stats).toMatchObject({ entries: 2, evictions: 1 });
    answers.put(entryOf('d'), answer('x'.repeat(3_000)), origin, TTL_MS);
    expect(answers.find(entryOf('d'))).toBeUndefined();
    const small = alone({ maxBytes: 10_000 }).answers;
    for (let i = 0; i < 100; i++) small.put(entryOf(`${i}`), answer('x'.repeat(1_000)), origin, TTL_MS);
    expect(small.stats.bytes).toBeLessThanOrEqual(10_000);
    expect(small.stats.entries).toBeGreaterThan(3);
  });

  it('stay under other settings, as far as there is room, for as long as they had', () => {
    const { clock, answers } = alone();
    for (const key of ['a', 'b', 'c']) answers.put(entryOf(key), answer(), origin, TTL_MS);
    clock.advance(TTL_MS / 2);
    answers.configure({ ...noCache, enabled: true, maxEntries: 2 });
    expect(['a', 'b', 'c'].map((key) => answers.find(entryOf(key)) !== undefined)).toEqual([false, true, true]);
    clock.advance(TTL_MS / 2 + 1);
    expect(answers.find(entryOf('b'))).toBeUndefined();
  });

  it.each<[string, Parameters<Answers['purge']>[0], string[]]>([
    ['a tenant', { tenant: 'team:a' }, ['b']],
    ['a model', { model: 'p/n' }, ['a']],
    ['all', 'all', []],
  ])('can be removed by scope: %s', async (_, scope, left) => {
    const { answers } = alone();
    const entries = [entryOf('a'), entryOf('b', { tenant: 'team:b', model: 'p/n' }), entryOf('c', { model: 'p/n' })];
    for (const entry of entries) answers.put(entry, answer(), origin, TTL_MS);
    expect(await answers.purge(scope)).toBe(3 - left.length);
    expect(entries.filter((entry) => answers.find(entry)).map(({ key }) => key)).toEqual(left);
    for (const entry of entries) answers.put(entry, answer(), origin, TTL_MS);
    expect(entries.every((entry) => answers.find(entry))).toBe(true);
  });
});

describe('hits under prompts that follow Zipf’s law', () => {
  /** As an independent list would have it: the last used first. */
  function modelHits(trace: readonly number[], size: number): boolean[] {
    let list: number[] = [];
    return trace.map((each) => {
      const isHit = list.includes(each);
      list = [each, ...list.filter((other) => other !== each)].slice(0, size);
      return isHit;
    });
  }

  it.each([
    [0.8, 20],
    [1, 100],
    [1.2, 50],
  ])('are those of a list of the last used (exponent %d, room for %i)', (exponent, size) => {
    const chance = seeded(7);
    const weights = Array.from({ length: 500 }, (_, i) => 1 / (i + 1) ** exponent);
    const whole = weights.reduce((sum, each) => sum + each, 0);
    const trace = Array.from({ length: 5_000 }, () => {
      let rest = chance() * whole;
      return weights.findIndex((weight) => {
        rest -= weight;
        return rest < 0;
      });
    });
    const { answers } = alone({ maxEntries: size });
    const hits = trace.map((each) => {
      const isHit = answers.find(entryOf(`${each}`)) !== undefined;
      if (!isHit) answers.put(entryOf(`${each}`), answer(), origin, TTL_MS);
      return isHit;
    });
    expect(hits).toEqual(modelHits(trace, size));
    expect(hits.filter(Boolean).length / hits.length).toBeGreaterThan(0.2);
  });
});

describe('answers that several processes share', () => {
  it('are found by another process, which then has its own, until their time is up', async () => {
    const { clock, store, answers } = open();
    await answers.put(entryOf('a'), answer('from one'), origin, TTL_MS);
    clock.advance(TTL_MS - 10);
    const other = open({}, clock, store).answers;
    expect(other.find(entryOf('a'))).toBeUndefined();
    expect(await other.findShared(entryOf('a'))).toMatchObject({ content: [{ part: { value: 'from one' } }] });
    expect(other.find(entryOf('a'))).toBeDefined();
    clock.advance(11);
    expect(other.find(entryOf('a'))).toBeUndefined();
    expect(await other.findShared(entryOf('a'))).toBeUndefined();
  });

  it('are none if what is there cannot be read', async () => {
    const { store, answers } = open();
    await answers.put(entryOf('a'), answer(), origin, TTL_MS);
    const [key = ''] = store.keys;
    const other = open({}, fakeClock(), store).answers;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        await store.put(key, bytes, TTL_MS);
        const found = await other.findShared(entryOf('a'));
        if (bytes[0] !== 1 || bytes.length < 9) expect(found).toBeUndefined();
      }),
    );
  });

  it('are not missed while the store fails', async () => {
    const { store, answers } = open();
    store.fails = true;
    await answers.refresh();
    await answers.put(entryOf('a'), answer(), origin, TTL_MS);
    expect(answers.find(entryOf('a'))).toBeDefined();
    expect(await answers.findShared(entryOf('b'))).toBeUndefined();
    expect(await answers.lease(entryOf('b'), new AbortController().signal)).toMatchObject({ answer: undefined });
    await answers.close();
  });

  it('are gone for every process some seconds after a purge', async () => {
    const { clock, store, answers } = open();
    const other = open({}, clock, store).answers;
    for (const each of [answers, other]) await each.refresh();
    const [kept, gone] = [entryOf('a', { tenant: 'team:b' }), entryOf('b')];
    for (const entry of [kept, gone]) await answers.put(entry, answer(), origin, TTL_MS);
    for (const entry of [kept, gone]) await other.findShared(entry);
    expect(await answers.purge({ tenant: 'team:a' })).toBe(1);
    expect(await answers.findShared(gone)).toBeUndefined();
    clock.advance(5_000);
    await other.refresh();
    expect(other.find(gone)).toBeUndefined();
    expect(await other.findShared(gone)).toBeUndefined();
    expect(await other.findShared(kept)).toBeDefined();
    await other.purge({ model: 'p/m' });
    expect(await other.findShared(kept)).toBeUndefined();
  });

  it('are asked for by one process at a time; the others wait for its answer', async () => {
    const { clock, store, answers } = open({ sharedWaitMs: 1_000 });
    const other = open({ sharedWaitMs: 1_000 }, clock, store).answers;
    const { signal } = new AbortController();
    const first = await answers.lease(entryOf('a'), signal);
    expect(first.answer).toBeUndefined();
    const second = other.lease(entryOf('a'), signal);
    await turns();
    expect(clock.pending).toBe(1);
    await answers.put(entryOf('a'), answer('of one'), origin, TTL_MS);
    await first.release();
    clock.advance(100);
    expect(await second).toMatchObject({ answer: { content: [{ part: { value: 'of one' } }] } });
    expect(clock.pending).toBe(0);
  });

  it('are asked for by the next if the first gets none, and by all who have waited long enough', async () => {
    const { clock, store, answers } = open({ sharedWaitMs: 1_000 });
    const { signal } = new AbortController();
    const first = await answers.lease(entryOf('a'), signal);
    const waiting = [1, 2].map(() => open({ sharedWaitMs: 1_000 }, clock, store).answers.lease(entryOf('a'), signal));
    await turns();
    await first.release();
    for (let waitedMs = 0; waitedMs < 1_500; waitedMs += 50) {
      clock.advance(50);
      await turns();
    }
    for (const each of await Promise.all(waiting)) expect(each.answer).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('are not waited for by one that leaves', async () => {
    const { clock, store, answers } = open({ sharedWaitMs: 1_000 });
    await answers.lease(entryOf('a'), new AbortController().signal);
    const abort = new AbortController();
    const waiting = open({ sharedWaitMs: 1_000 }, clock, store).answers.lease(entryOf('a'), abort.signal);
    await turns();
    abort.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    expect(clock.pending).toBe(0);
  });
});

/** Lets what the store has answered arrive. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
