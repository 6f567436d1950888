import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DocumentParts, StoredDocument } from '../../src/stores/document.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { StoreError } from '../../src/stores/store.ts';
import { settle } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { failingStore } from './failing-store.ts';

const BOUNDS = { maxEntries: 1_000, maxBytes: 10_000_000, maxAccounts: 10 };
const parse = (json: unknown) => (Array.isArray(json) ? (json as readonly number[]) : undefined);

function setUp() {
  const clock = fakeClock();
  const real = new MemoryStore(clock, BOUNDS);
  const failing = failingStore(real);
  const parts: DocumentParts<readonly number[]> = { values: failing.store, clock, name: 'list', empty: [], parse };
  return { clock, real, failing, replica: () => new StoredDocument(parts) };
}

const appending =
  (item: number) =>
  ({ content }: { readonly content: readonly number[] }) => [...content, item];

describe('a document in the store', () => {
  it('is empty before its first change', async () => {
    const { replica } = setUp();
    const document = replica();
    expect([await document.refresh(), document.current]).toMatchObject([false, { revision: 0, content: [] }]);
  });

  it('loses no change of any number of replicas that change it at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 12 }), async (by) => {
        const { replica, real } = setUp();
        const replicas = [replica(), replica(), replica(), replica()];
        await Promise.all(by.map((which, item) => replicas[which]?.change(appending(item))));
        for (const each of replicas) await each.refresh();
        for (const { current } of replicas) {
          expect(current.revision).toBe(by.length);
          expect(current.content.toSorted((a, b) => a - b)).toEqual(by.map((_, item) => item));
          expect(current.content).toEqual(replicas[0]?.current.content);
        }
        // The head, and the one version that counts.
        expect(await real.keys('list:', 99)).toHaveLength(by.length === 0 ? 0 : 2);
      }),
      { numRuns: 50 },
    );
  });

  it('is found by others at their next look, by one short question if nothing is new', async () => {
    const { replica, clock, failing } = setUp();
    const [one, other] = [replica(), replica()];
    const looks: boolean[] = [];
    other.watch((isNew) => looks.push(isNew));
    await one.change(appending(7));
    clock.advance(2_000);
    await settle();
    expect([other.current.content, looks]).toEqual([[7], [true]]);
    const calls = failing.calls;
    clock.advance(2_000);
    await settle();
    expect([failing.calls - calls, looks]).toEqual([1, [true, false]]);
    other.close();
    expect(clock.pending).toBe(0);
  });

  it('stays as it was known while the store fails, and a change fails then', async () => {
    const { replica, clock, failing } = setUp();
    const document = replica();
    await document.change(appending(1));
    failing.fault = { failure: 'unreachable', done: false };
    const looks: boolean[] = [];
    document.watch((isNew) => looks.push(isNew));
    clock.advance(2_000);
    await settle();
    await expect(document.change(appending(2))).rejects.toThrow(StoreError);
    expect([document.current.content, looks]).toEqual([[1], []]);
    failing.fault = undefined;
    clock.advance(2_000);
    await settle();
    expect(looks).toEqual([false]);
    document.close();
  });

  it('is put back into a store that has lost it, and the greatest revision wins', async () => {
    const { replica, real } = setUp();
    const [late, early, fresh] = [replica(), replica(), replica()];
    await early.change(appending(1));
    await late.refresh();
    await late.change(appending(2));
    for (const key of await real.keys('list:', 99)) await real.delete(key);
    await early.refresh();
    await late.refresh();
    await early.refresh();
    await fresh.refresh();
    for (const { current } of [late, early, fresh]) expect(current).toMatchObject({ revision: 2, content: [1, 2] });
  });

  it('changes nothing where nothing is to change, and gives the errors of whoever decides', async () => {
    const { replica } = setUp();
    const document = replica();
    expect(await document.change(() => undefined)).toMatchObject({ revision: 0 });
    await expect(
      document.change(() => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(document.current.revision).toBe(0);
  });

  it('is left as it was if what is in the store is something else', async () => {
    const { replica, real } = setUp();
    const [one, other] = [replica(), replica()];
    await one.change(appending(1));
    await other.refresh();
    await one.change(appending(2));
    const [, version = ''] = (await real.keys('list:', 9)).toSorted(
      (a, b) => Number(b === 'list:head') - Number(a === 'list:head'),
    );
    await real.put(version, new TextEncoder().encode('{"of": "another time"}'), 1_000_000);
    expect([await other.refresh(), other.current.content]).toEqual([false, [1]]);
  });
});
