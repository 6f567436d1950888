import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttemptSchema, CostSchema, CostStatus, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { MemoryStore } from '../../src/stores/memory.ts';
import { type Store, StoreError, type Tally } from '../../src/stores/store.ts';
import { dayAt, tableOf, UsageBook, type UsedCall } from '../../src/usage/book.ts';
import { type Division, daysFrom, totalOf, usageReport } from '../../src/usage/report.ts';
import { counterName, measureNames, readCounter, rowName } from '../../src/usage/row.ts';
import { settle } from '../support/calls.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

const KEPT_MS = 100 * 24 * 60 * 60 * 1000;

const memory = (clock: FakeClock) => new MemoryStore(clock, { maxEntries: 10, maxBytes: 1_000, maxAccounts: 100_000 });

function bookOf(store: Pick<Store, 'tally'>, clock: FakeClock, lost: number[] = []): UsageBook {
  return new UsageBook({ store, clock, replica: 'r', labels: ['project'], keptMs: KEPT_MS, lost: (n) => lost.push(n) });
}

const attemptArbitrary = fc
  .record({
    provider: fc.constantFrom('openai', 'local'),
    model: fc.constantFrom('luna', 'nova/1'),
    input: fc.nat(1_000),
    output: fc.nat(1_000),
    nanoUsd: fc.option(fc.nat(1_000_000), { nil: undefined }),
  })
  .map(({ provider, model, input, output, nanoUsd }) =>
    create(AttemptSchema, {
      provider,
      model,
      usage: create(UsageSchema, { inputTokens: BigInt(input), outputTokens: BigInt(output) }),
      cost: create(CostSchema, {
        status: nanoUsd === undefined ? CostStatus.UNPRICED : CostStatus.PRICED,
        totalNanoUsd: BigInt(nanoUsd ?? 0),
      }),
    }),
  );

const callArbitrary: fc.Arbitrary<UsedCall> = fc
  .record({
    team: fc.constantFrom('', 'search', 'a/b %'),
    key: fc.constantFrom('one', 'two'),
    failed: fc.boolean(),
    labels: fc.dictionary(fc.constantFrom('project', 'unasked'), fc.string({ unit: 'binary' }), { maxKeys: 2 }),
    attempts: fc.array(attemptArbitrary, { maxLength: 3 }),
  })
  .map((call) => ({ ...call, target: call.attempts.at(-1) }));

const anyName = fc.string({ unit: 'binary', maxLength: 300 }).map((text) => text.toWellFormed());

describe('the name of a row', () => {
  it('is printable, short enough, and read back', () => {
    const rows = fc.record({
      team: anyName,
      key: anyName,
      provider: anyName,
      model: anyName,
      labels: fc.dictionary(anyName, anyName, { maxKeys: 3, noNullPrototype: true }),
    });
    fc.assert(
      fc.property(rows, fc.constantFrom(...measureNames), (row, measure) => {
        const name = counterName(rowName(row), measure);
        expect(name).toMatch(/^[!-~]*$/);
        expect(name.length).toBeLessThanOrEqual(5_000);
        const read = readCounter(name);
        expect(read?.measure).toBe(measure);
        const { labels, ...names } = row;
        const texts = [...Object.values(names), ...Object.entries(labels).flat()];
        if (texts.join('').length < 30) expect(read?.row).toEqual(row);
      }),
    );
  });
});

describe('a book of usage', () => {
  it('loses nothing and counts nothing twice, however it is divided', async () => {
    const divisions: fc.Arbitrary<Division[]> = fc.subarray([
      'day',
      'team',
      'key',
      'provider',
      'model',
      'label:project',
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(callArbitrary, { maxLength: 30 }), divisions, async (calls, by) => {
        const clock = fakeClock();
        const store = memory(clock);
        const book = bookOf(store, clock);
        const from = dayAt(clock.wallMs());
        for (const call of calls) {
          book.add(call);
          clock.advance(20 * 60 * 1_000);
          await settle();
        }
        await book.flush();
        const report = await usageReport(store, { from, to: dayAt(clock.wallMs()), by, where: {} });
        const total = (measure: (typeof measureNames)[number]) =>
          report.reduce((sum, { counts }) => sum + counts[measure], 0);
        const attempts = calls.flatMap((call) => call.attempts);
        expect(total('calls')).toBe(calls.length);
        expect(total('failed')).toBe(calls.filter(({ failed }) => failed).length);
        expect(total('tries')).toBe(attempts.length);
        expect(total('inputTokens')).toBe(attempts.reduce((sum, { usage }) => sum + Number(usage?.inputTokens), 0));
        expect(total('nanoUsd')).toBe(attempts.reduce((sum, { cost }) => sum + Number(cost?.totalNanoUsd), 0));
        expect(new Set(report.map(({ values }) => JSON.stringify(values))).size).toBe(report.length);
        await book.close();
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('tells who used what, dearest first', async () => {
    const clock = fakeClock();
    const store = memory(clock);
    const book = bookOf(store, clock);
    const attempt = (nanoUsd: bigint) =>
      create(AttemptSchema, {
        provider: 'openai',
        model: 'luna',
        cost: create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: nanoUsd }),
      });
    const call = (team: string, project: string, nanoUsd: bigint): UsedCall => ({
      team,
      key: `${team}-key`,
      target: { provider: 'openai', model: 'luna' },
      failed: false,
      labels: { project },
      attempts: [attempt(nanoUsd)],
    });
    for (const each of [call('a', 'x', 5n), call('b', 'x', 7n), call('a', 'y', 1n)]) book.add(each);
    await book.flush();
    const day = dayAt(clock.wallMs());
    const ask = async (by: Division[], where = {}) =>
      (await usageReport(store, { from: day, to: day, by, where })).map(({ values, counts }) => [
        ...values,
        counts.nanoUsd,
      ]);
    expect(await ask(['team'])).toEqual([
      ['b', 7],
      ['a', 6],
    ]);
    expect(await ask(['label:project', 'team'], { team: 'a' })).toEqual([
      ['x', 'a', 5],
      ['y', 'a', 1],
    ]);
    expect(await ask([])).toEqual([[13]]);
    expect(await ask(['key'], { 'label:project': 'z' })).toEqual([]);
  });

  it('writes once what a failing store may have taken', async () => {
    const clock = fakeClock();
    const inner = memory(clock);
    const seen: Tally[] = [];
    let fails = true;
    const store = {
      async tally(tally: Tally) {
        seen.push(tally);
        await inner.tally(tally);
        if (fails) throw new StoreError('timeout');
      },
    };
    const book = bookOf(store, clock);
    const call: UsedCall = { team: '', key: 'k', target: undefined, failed: true, labels: {}, attempts: [] };
    book.add(call);
    clock.advance(1_000);
    await settle();
    book.add(call);
    clock.advance(1_000);
    await settle();
    fails = false;
    clock.advance(1_000);
    await settle();
    expect(seen.map(({ id }) => id)).toEqual(['r:0', 'r:0', 'r:0', 'r:1']);
    const counts = await inner.tallied(tableOf(dayAt(clock.wallMs())));
    expect([...counts.values()]).toEqual([2, 2]);
    await book.close();
    expect(clock.pending).toBe(0);
  });

  it('has a bound for what waits, and tells of what is lost', async () => {
    const clock = fakeClock();
    const lost: number[] = [];
    const book = bookOf({ tally: () => Promise.reject(new StoreError('unreachable')) }, clock, lost);
    for (let i = 0; i < 3_602; i++) {
      book.add({ team: '', key: 'k', target: undefined, failed: false, labels: {}, attempts: [] });
      await book.flush();
    }
    expect(lost).toEqual([1, 1]);
  });

  it('takes what callers make up for "other" beyond a bound', async () => {
    const clock = fakeClock();
    const store = memory(clock);
    const book = bookOf(store, clock);
    for (let i = 0; i < 10_010; i++)
      book.add({ team: '', key: 'k', target: undefined, failed: false, labels: { project: `${i}` }, attempts: [] });
    await book.flush();
    const day = dayAt(clock.wallMs());
    const others = await usageReport(store, { from: day, to: day, by: [], where: { 'label:project': 'other' } });
    expect(others).toMatchObject([{ counts: { calls: 10 } }]);
  });

  it('takes labels of any characters, however they are cut', async () => {
    const clock = fakeClock();
    const store = memory(clock);
    const book = bookOf(store, clock);
    const project = `${'x'.repeat(63)}\u{10000}`;
    book.add({ team: '', key: 'k', target: undefined, failed: false, labels: { project }, attempts: [] });
    await book.flush();
    const day = dayAt(clock.wallMs());
    const report = await usageReport(store, { from: day, to: day, by: ['label:project'], where: {} });
    expect(report).toMatchObject([{ values: [`${'x'.repeat(63)}\ufffd`] }]);
  });

  it('does not let callers make up models', async () => {
    const clock = fakeClock();
    const store = memory(clock);
    const book = bookOf(store, clock);
    const target = { provider: 'made', model: 'up' };
    book.add({ team: '', key: 'k', target, failed: true, labels: {}, attempts: [] });
    await book.flush();
    const day = dayAt(clock.wallMs());
    const report = await usageReport(store, { from: day, to: day, by: ['provider', 'model'], where: {} });
    expect(report).toMatchObject([{ values: ['', ''], counts: { calls: 1, failed: 1 } }]);
  });
});

describe('a report', () => {
  const day = '2026-11-21';
  /** A day on which so many keys called, once each. */
  const storeOf = (keys: number) => ({
    tallied: async () =>
      new Map(
        Array.from({ length: keys }, (_, i) => [
          counterName(rowName({ team: '', key: `${i}`, provider: 'p', model: 'm', labels: {} }), 'calls'),
          1,
        ]),
      ),
  });

  it('of too many rows is refused, and not half told', async () => {
    const query = { from: day, to: day, where: {} };
    const store = storeOf(100_001);
    await expect(usageReport(store, { ...query, by: ['key'] })).rejects.toMatchObject({ kind: 'request_too_large' });
    expect(totalOf(await usageReport(store, { ...query, by: ['model'] }))).toMatchObject({ calls: 100_001 });
  });

  it('ends with the call that wants it', async () => {
    const abort = new AbortController();
    const asked: string[] = [];
    const store = {
      async tallied(table: string) {
        asked.push(table);
        abort.abort(new Error('gone'));
        return new Map();
      },
    };
    const query = { from: '2026-01-01', to: day, by: [], where: {} };
    await expect(usageReport(store, query, abort.signal)).rejects.toThrow('gone');
    expect(asked).toHaveLength(1);
  });
});

describe('the days of a report', () => {
  it.each([
    ['2026-02-27', '2026-03-01', ['2026-02-27', '2026-02-28', '2026-03-01']],
    ['2026-11-21', '2026-11-21', ['2026-11-21']],
    ['2026-11-22', '2026-11-21', []],
    ['yesterday', '2026-11-21', []],
  ])('from %s to %s', (from, to, days) => {
    expect(daysFrom(from, to)).toEqual(days);
  });
});
