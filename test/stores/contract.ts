import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hold, Reservation, Store } from '../../src/stores/store.ts';
import { ledgerLaws } from './ledger-laws.ts';

/** A store, and its time. */
export interface Subject {
  readonly store: Store;
  /** So much time passes for it. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const LONG_MS = 600_000;
/** So short that it may be waited for. */
const SHORT_MS = 20;

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

export const hold = (account: string, amount: number, limit: number, more: Partial<Hold> = {}): Hold => ({
  account,
  amount,
  limit,
  ttlMs: LONG_MS,
  ...more,
});

/** What every store does, whatever is behind it. `open` is called once. */
export function storeContract(open: () => Promise<Subject>, runs = 100): void {
  const opened: { subject?: Subject } = {};
  let serial = 0;
  const subject = (): Subject => {
    if (!opened.subject) throw new Error('It is not open.');
    return opened.subject;
  };
  const store = () => subject().store;
  /** Names that no other test uses. */
  const fresh = (): string => `test ${++serial} {x}*/`;

  beforeAll(async () => {
    opened.subject = await open();
  });
  afterAll(() => opened.subject?.close());

  describe('values', () => {
    it('are there until their time is up, byte for byte', async () => {
      const key = fresh();
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      expect(await store().get(key)).toBeUndefined();
      await store().put(key, all, LONG_MS);
      expect(Buffer.compare((await store().get(key)) ?? bytes(''), all)).toBe(0);
      await store().put(key, new Uint8Array(), LONG_MS);
      expect((await store().get(key))?.length).toBe(0);
      await store().put(key, bytes('b'), SHORT_MS);
      await subject().pass(SHORT_MS);
      expect(await store().get(key)).toBeUndefined();
    });

    it('live as long as the last one put', async () => {
      const key = fresh();
      await store().put(key, bytes('a'), SHORT_MS);
      await store().put(key, bytes('b'), LONG_MS);
      await subject().pass(SHORT_MS);
      expect(textOf(await store().get(key))).toBe('b');
    });

    it.each<[string, string | undefined, string | undefined, string | undefined, string | undefined]>([
      ['makes one where there is none', undefined, undefined, 'n', 'n'],
      ['keeps one that is not expected', 'a', undefined, 'n', 'a'],
      ['keeps another one', 'a', 'b', 'n', 'a'],
      ['replaces the expected one', 'a', 'a', 'n', 'n'],
      ['removes the expected one', 'a', 'a', undefined, undefined],
      ['removes nothing where there is nothing', undefined, undefined, undefined, undefined],
      ['does not make one where another was expected', undefined, 'a', 'n', undefined],
      ['knows an empty one from none', '', undefined, 'n', ''],
      ['replaces an empty one', '', '', 'n', 'n'],
    ])('compare and set: %s', async (_, before, expected, next, after) => {
      const key = fresh();
      if (before !== undefined) await store().put(key, bytes(before), LONG_MS);
      const [from, to] = [expected, next].map((text) => (text === undefined ? undefined : bytes(text)));
      expect(await store().compareAndSet(key, from, to, LONG_MS)).toBe(before === expected);
      expect(textOf(await store().get(key))).toBe(after);
    });

    it('that were set by comparison end, too; and one of many that try at once succeeds', async () => {
      const key = fresh();
      const tries = Array.from({ length: 20 }, (_, i) =>
        store().compareAndSet(key, undefined, bytes(`${i}`), SHORT_MS * 10),
      );
      expect((await Promise.all(tries)).filter((won) => won)).toHaveLength(1);
      await subject().pass(SHORT_MS * 10);
      expect(await store().compareAndSet(key, undefined, bytes('x'), LONG_MS)).toBe(true);
    });

    it('are removed with the counter of their key', async () => {
      const key = fresh();
      await store().put(key, bytes('a'), LONG_MS);
      expect(await store().add(key, 5, LONG_MS)).toBe(5);
      expect(textOf(await store().get(key))).toBe('a');
      await store().delete(key);
      await store().delete(key);
      expect(await store().get(key)).toBeUndefined();
      expect(await store().add(key, 1, LONG_MS)).toBe(1);
    });

    it('are listed by the beginning of their key, in the order of its bytes', async () => {
      const prefix = fresh();
      const names = ['b', 'B', 'a*', 'a?', 'a[x]', 'a', '~', '{a}', ' '].map((name) => prefix + name);
      for (const name of names) await store().put(name, bytes('v'), LONG_MS);
      await store().put(`${prefix}gone`, bytes('v'), SHORT_MS);
      await store().add(`${prefix}counter`, 1, LONG_MS);
      await subject().pass(SHORT_MS);
      const sorted = [...names].sort();
      expect(await store().keys(prefix, 100)).toEqual(sorted);
      expect(await store().keys(prefix, 3)).toEqual(sorted.slice(0, 3));
      expect(await store().keys(`${prefix}a`, 9)).toEqual(sorted.filter((name) => name.startsWith(`${prefix}a`)));
      expect(await store().keys(`${prefix}a*`, 9)).toEqual([`${prefix}a*`]);
      expect(await store().keys(`${prefix}none`, 9)).toEqual([]);
      for (const [i, name] of sorted.entries())
        expect(await store().keys(prefix, 2, name)).toEqual(sorted.slice(i + 1, i + 3));
      expect(await store().keys(`${prefix}a`, 9, `${prefix}a?`)).toEqual([`${prefix}a[x]`]);
    });
  });

  describe('counters', () => {
    it('add up, below nothing too, and begin anew when their time is up', async () => {
      const key = fresh();
      expect(await store().add(key, 7, LONG_MS)).toBe(7);
      expect(await store().add(key, -10, SHORT_MS)).toBe(-3);
      await subject().pass(SHORT_MS);
      expect(await store().add(key, 2 ** 53 - 2, 1)).toBe(2 ** 53 - 5);
      const short = fresh();
      await store().add(short, 1, SHORT_MS);
      await store().add(short, 1, LONG_MS);
      await subject().pass(SHORT_MS);
      expect(await store().add(short, 1, LONG_MS)).toBe(1);
    });

    it('lose nothing when many add at once', async () => {
      const key = fresh();
      const sums = await Promise.all(Array.from({ length: 50 }, () => store().add(key, 1, LONG_MS)));
      expect([...sums].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    });
  });

  describe('tables', () => {
    const tally = (table: string, id: string, counts: Record<string, number>, ttlMs = LONG_MS) =>
      store().tally({ table, id, counts: new Map(Object.entries(counts)), ttlMs });

    it('count each id once', async () => {
      const table = fresh();
      expect(await store().tallied(table)).toEqual(new Map());
      await tally(table, '1', { a: 1, b: 2 ** 50 });
      await tally(table, '2', { a: 2 });
      await tally(table, '1', { a: 1, b: 1 });
      await tally(fresh(), '1', { a: 9 });
      expect(await store().tallied(table)).toEqual(new Map(Object.entries({ a: 3, b: 2 ** 50 })));
    });

    it('end when the time of the first addition is up', async () => {
      const table = fresh();
      await tally(table, '1', { a: 1 }, SHORT_MS);
      await tally(table, '2', { a: 1 });
      await subject().pass(SHORT_MS);
      expect(await store().tallied(table)).toEqual(new Map());
      await tally(table, '1', { a: 1 });
      await tally(table, '3', { a: 1 });
      expect((await store().tallied(table)).get('a')).toBe(1);
    });
  });

  describe('ledgers', () => {
    const reserve = (ledger: string, id: string, holds: readonly Hold[], ttlMs = LONG_MS): Promise<unknown> =>
      store().reserve({ ledger, id, holds, ttlMs } satisfies Reservation);
    const spend = (ledger: string, id: string, account: string, amount: number, ttlMs = LONG_MS) =>
      store().settle({ ledger, id, spent: [{ account, amount, ttlMs }] });

    it('hold all or nothing, and say which hold had no room', async () => {
      const ledger = fresh();
      expect(await reserve(ledger, '1', [hold('a', 6, 10), hold('b', 1, 1)])).toEqual({
        granted: true,
        balances: [
          { spent: 0, held: 6 },
          { spent: 0, held: 1 },
        ],
      });
      expect(await reserve(ledger, '2', [hold('a', 4, 10), hold('b', 1, 1)])).toEqual({
        granted: false,
        refused: 1,
        balances: [
          { spent: 0, held: 6 },
          { spent: 0, held: 1 },
        ],
      });
      await spend(ledger, '1', 'a', 9);
      expect(await store().balances(ledger, ['b', 'a', 'c'])).toEqual([
        { spent: 0, held: 0 },
        { spent: 9, held: 0 },
        { spent: 0, held: 0 },
      ]);
      expect(await reserve(ledger, '2', [hold('a', 2, 10)])).toMatchObject({ granted: false, refused: 0 });
      expect(await reserve(ledger, '2', [hold('a', 1, 10)])).toMatchObject({ granted: true });
      expect(await reserve(fresh(), '2', [hold('a', 10, 10)])).toMatchObject({ granted: true });
    });

    it('grant what holds nothing', async () => {
      expect(await reserve(fresh(), '1', [])).toEqual({ granted: true, balances: [] });
    });

    it('add up several holds on one account', async () => {
      const ledger = fresh();
      expect(await reserve(ledger, '1', [hold('a', 6, 10), hold('a', 5, 10)])).toMatchObject({ refused: 1 });
      expect(await reserve(ledger, '1', [hold('a', 6, 10), hold('a', 4, 10)])).toMatchObject({ granted: true });
      await store().refund(ledger, '1');
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 0, held: 0 }]);
    });

    it.each([
      [0, true],
      [0.3, true],
      [0.6, true],
      [0.61, false],
      [1, false],
    ])('count a share of %d of another account, too', async (share, granted) => {
      const ledger = fresh();
      await spend(ledger, 's', 'before', 90);
      await reserve(ledger, 'r', [hold('before', 10, 100)]);
      const carried = { account: 'before', share };
      expect(await reserve(ledger, '1', [hold('now', 40, 100, { carried })])).toMatchObject({ granted });
    });

    it('spend above the limit: it has been used', async () => {
      const ledger = fresh();
      await reserve(ledger, '1', [hold('a', 1, 1)]);
      await spend(ledger, '1', 'a', 2 ** 50);
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 2 ** 50, held: 0 }]);
    });

    it('forget accounts whose time is up, and take nothing from those that begin anew', async () => {
      const ledger = fresh();
      await spend(ledger, 's', 'a', 5, SHORT_MS * 10);
      await reserve(ledger, '1', [hold('a', 3, 100)]);
      await subject().pass(SHORT_MS * 10);
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 0, held: 0 }]);
      await reserve(ledger, '2', [hold('a', 4, 100)]);
      await store().refund(ledger, '1');
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 0, held: 4 }]);
      await store().refund(ledger, '2');
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 0, held: 0 }]);
    });

    it('hold nothing for a reservation that its refund has overtaken', async () => {
      const ledger = fresh();
      await store().refund(ledger, '1');
      await reserve(ledger, '1', [hold('a', 3, 100)]);
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 0, held: 0 }]);
    });

    it('grant no more than the limit, however many draw at once', async () => {
      const ledger = fresh();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          store().reserve({ ledger, id: `${i}`, ttlMs: LONG_MS, holds: [hold('a', 3, 50)] }),
        ),
      );
      expect(answers.filter(({ granted }) => granted)).toHaveLength(16);
      expect(await store().balances(ledger, ['a'])).toEqual([{ spent: 0, held: 48 }]);
    });

    ledgerLaws(subject, fresh, runs);
  });
}
