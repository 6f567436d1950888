import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/resilience/retry-budget.ts';

const limits = { budgetPercent: 20, budgetFloor: 3 };

/** How many permissions it gives now. They are given back. */
function room(budget: RetryBudget): number {
  const taken: (() => void)[] = [];
  for (let one = budget.take(); one && taken.length < 1_000; one = budget.take()) taken.push(one);
  for (const giveBack of taken) giveBack();
  return taken.length;
}

const budgetWith = (calls: number, some = limits): RetryBudget => {
  const budget = new RetryBudget(some);
  for (let i = 0; i < calls; i++) budget.enter();
  return budget;
};

describe('the retry budget', () => {
  it.each([
    [0, 3],
    [1, 3],
    [15, 3],
    [19, 3],
    [20, 4],
    [99, 19],
    [100, 20],
  ])('with %i calls has room for %i further tries', (calls, tries) => {
    expect(room(budgetWith(calls))).toBe(tries);
  });

  it.each([
    ['nothing', { budgetPercent: 0, budgetFloor: 0 }, 0],
    ['only the floor', { budgetPercent: 0, budgetFloor: 2 }, 2],
    ['no floor', { budgetPercent: 10, budgetFloor: 0 }, 1],
    ['everything', { budgetPercent: 100, budgetFloor: 0 }, 10],
  ])('may be %s', (_, some, tries) => {
    expect(room(budgetWith(10, some))).toBe(tries);
  });

  it('counts calls that came over, and refuses none of them', () => {
    const budget = budgetWith(0);
    const over = Array.from({ length: 9 }, () => budget.count());
    expect(budget.take()).toBeUndefined();
    for (const end of over.splice(0, 7)) end();
    expect(room(budget)).toBe(1);
  });

  it('takes on other limits, and counts on what was given before', () => {
    const budget = budgetWith(10, { budgetPercent: 100, budgetFloor: 0 });
    const taken = Array.from({ length: 5 }, () => budget.take());
    budget.reconfigure({ budgetPercent: 0, budgetFloor: 4 });
    expect(room(budget)).toBe(0);
    for (const giveBack of taken.splice(0, 2)) giveBack?.();
    expect(room(budget)).toBe(1);
  });
});

/** What one may do to a budget: the numbers choose among what was given before. */
const step = fc.oneof(
  fc.record({ act: fc.constantFrom('enter', 'take', 'count'), at: fc.constant(0) }),
  fc.record({ act: fc.constantFrom('leave', 'giveBack'), at: fc.nat(30) }),
);

it('gives what its limits allow after whatever happened, and takes each thing back once', () => {
  const anyLimits = fc.record({ budgetPercent: fc.integer({ min: 0, max: 100 }), budgetFloor: fc.nat(4) });
  const property = fc.property(anyLimits, fc.array(step, { maxLength: 60 }), (some, steps) => {
    const budget = new RetryBudget(some);
    const calls: (() => void)[] = [];
    const tries: (() => void)[] = [];
    const left = new Set<() => void>();
    const among = (given: readonly (() => void)[]) => given.filter((one) => !left.has(one)).length;
    const undo = (given: readonly (() => void)[], at: number) => {
      const one = given[at % Math.max(given.length, 1)];
      one?.();
      if (one) left.add(one);
    };
    for (const { act, at } of steps) {
      const allowed = Math.max(some.budgetFloor, Math.floor((some.budgetPercent * among(calls)) / 100));
      if (act === 'enter') calls.push(budget.enter());
      if (act === 'count') tries.push(budget.count());
      if (act === 'leave') undo(calls, at);
      if (act === 'giveBack') undo(tries, at);
      if (act !== 'take') continue;
      const taken = budget.take();
      expect(taken !== undefined).toBe(among(tries) < allowed);
      if (taken) tries.push(taken);
    }
  });
  fc.assert(property, { numRuns: 2_000 });
});
