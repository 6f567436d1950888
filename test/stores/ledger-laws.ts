import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstRefused } from '../../src/stores/room.ts';
import type { Balance, Hold } from '../../src/stores/store.ts';
import type { Subject } from './contract.ts';

type Step =
  /** `expires`: its time is up before the next step. */
  | { readonly do: 'reserve'; readonly id: string; readonly holds: readonly Hold[]; readonly expires: boolean }
  | { readonly do: 'settle'; readonly id: string; readonly amounts: readonly (readonly [string, number])[] }
  | { readonly do: 'refund'; readonly id: string };

const ACCOUNTS = ['a', 'b', 'c'];
const LIMIT = 50;
const LONG_MS = 600_000;
const SHORT_MS = 2;

const account = fc.constantFrom(...ACCOUNTS);
const id = fc.constantFrom('1', '2', '3', '4', '5', '6');
const amount = fc.integer({ min: 0, max: 30 });
const carried = fc.record({ account: fc.constant('c'), share: fc.constantFrom(0, 0.25, 0.5, 1) });
const holdOf: fc.Arbitrary<Hold> = fc
  .record({ account: fc.constantFrom('a', 'b'), amount, share: fc.option(carried, { nil: undefined }) })
  .map(({ share, ...rest }) => ({ ...rest, limit: LIMIT, ttlMs: LONG_MS, ...(share && { carried: share }) }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      id,
      holds: fc.array(holdOf, { maxLength: 3 }),
      expires: fc.integer({ max: 3, min: 0 }).map((n) => n === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      id,
      amounts: fc.array(fc.tuple(account, amount), { maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refund' as const), id }) },
);

/** What a ledger should be, in as few words as can be. */
class Model {
  readonly spent = new Map<string, number>();
  readonly open = new Map<string, readonly Hold[]>();
  readonly expired = new Set<string>();
  readonly ended = new Set<string>();
  granted = 0;
  givenBack = 0;

  balance = (name: string): Balance => ({
    spent: this.spent.get(name) ?? 0,
    held: [...this.open.values()]
      .flat()
      .filter((each) => each.account === name)
      .reduce((sum, each) => sum + each.amount, 0),
  });

  reserve(name: string, holds: readonly Hold[]): boolean {
    if (this.open.has(name) || this.expired.has(name) || this.ended.has(name)) return true;
    if (firstRefused(holds, this.balance) !== undefined) return false;
    this.open.set(name, holds);
    this.granted += sumOf(holds);
    return true;
  }

  expire(name: string): void {
    if (this.open.has(name)) this.expired.add(name);
    this.#giveBack(name);
  }

  /** False: it had ended before. */
  end(name: string): boolean {
    if (this.ended.has(name)) return false;
    this.ended.add(name);
    this.#giveBack(name);
    return true;
  }

  #giveBack(name: string): void {
    this.givenBack += sumOf(this.open.get(name) ?? []);
    this.open.delete(name);
  }
}

const sumOf = (holds: readonly Hold[]): number => holds.reduce((sum, { amount: one }) => sum + one, 0);

async function take(next: Step, ledger: string, { store, pass }: Subject, model: Model): Promise<void> {
  if (next.do === 'reserve') {
    // Only the one that makes it says how long it lasts.
    const expires = next.expires && !model.open.has(next.id);
    const ttlMs = expires ? SHORT_MS : LONG_MS;
    const granted = model.reserve(next.id, next.holds);
    expect((await store.reserve({ ledger, id: next.id, ttlMs, holds: next.holds })).granted).toBe(granted);
    if (!expires) return;
    await pass(SHORT_MS);
    model.expire(next.id);
  } else if (next.do === 'settle') {
    const spent = next.amounts.map(([name, one]) => ({ account: name, amount: one, ttlMs: LONG_MS }));
    await store.settle({ ledger, id: next.id, spent });
    if (!model.end(next.id)) return;
    for (const one of spent) model.spent.set(one.account, (model.spent.get(one.account) ?? 0) + one.amount);
  } else {
    await store.refund(ledger, next.id);
    model.end(next.id);
  }
}

/** Random sequences against a model: what is granted is given back once, and ids count once, in any order. */
export function ledgerLaws(subject: () => Subject, fresh: () => string, runs: number): void {
  it('agree with the model, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const [ledger, model] = [fresh(), new Model()];
        for (const next of steps) {
          await take(next, ledger, subject(), model);
          const balances = await subject().store.balances(ledger, ACCOUNTS);
          expect(balances).toEqual(ACCOUNTS.map(model.balance));
          const held = balances.reduce((sum, each) => sum + each.held, 0);
          expect(model.granted).toBe(model.givenBack + held);
        }
      }),
      { numRuns: runs },
    );
  });
}
