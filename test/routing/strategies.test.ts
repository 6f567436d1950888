import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Route, Strategy } from '../../src/core/policy.ts';
import type { Target } from '../../src/core/target.ts';
import { type Measures, strategies } from '../../src/routing/strategies.ts';
import {
  anyChance,
  everyStrategy,
  nameOf,
  namesOf,
  noMeasures,
  routeOf,
  seeded,
  shares,
  someTargets,
} from './routes.ts';

const usage = () => create(UsageSchema, { inputTokens: 10n, outputTokens: 500n });

interface Scene {
  readonly measures?: Partial<Measures>;
  readonly random?: () => number;
}

/** Orders the targets of routes, by one set of strategies. */
function ordering({ measures = {}, random = seeded(1) }: Scene = {}) {
  const orderingOf = strategies({ ...noMeasures, ...measures }, random);
  return (route: Route, sessionId = '') => namesOf(orderingOf(route, { sessionId, usage })(route.targets));
}

/** Measures that are given by the target's name. */
const by =
  (numbers: Readonly<Record<string, number | undefined>>) =>
  (target: Target): number | undefined =>
    numbers[nameOf(target)];

/** Chances in this order, again and again. */
const chances = (...values: readonly number[]) => {
  let at = 0;
  return () => values[at++ % values.length] ?? 0;
};

const anyNumbers = fc.dictionary(fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c/1'), fc.nat(100));

describe('every strategy', () => {
  it('gives all targets of the route and no others, once each', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...everyStrategy),
        someTargets(),
        fc.array(anyChance, { minLength: 1 }),
        fc.boolean(),
        anyNumbers,
        (strategy, targets, values, sticky, numbers) => {
          const order = ordering({
            measures: { latencyMs: by(numbers), busy: (target) => by(numbers)(target) ?? 0, costNanoUsd: by(numbers) },
            random: chances(...values),
          });
          expect([...order(routeOf(strategy, targets, { sticky }), 'session')].sort()).toEqual([...targets].sort());
        },
      ),
    );
  });

  it('gives the same for the same chances', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...everyStrategy),
        someTargets(),
        fc.array(anyChance, { minLength: 1 }),
        (strategy, targets, values) => {
          const once = ordering({ random: chances(...values) })(routeOf(strategy, targets));
          expect(ordering({ random: chances(...values) })(routeOf(strategy, targets))).toEqual(once);
        },
      ),
    );
  });
});

describe('priority', () => {
  it('leaves the targets as they are listed', () => {
    expect(ordering()(routeOf('priority', ['b/1', 'a/1', 'c/1']))).toEqual(['b/1', 'a/1', 'c/1']);
  });
});

describe('weighted', () => {
  const route = routeOf('weighted', ['a/1*5', 'b/1*3', 'c/1*2', 'd/1*0']);
  const order = ordering();
  const drawn = Array.from({ length: 40_000 }, () => order(route));

  it('chooses by weight, within five deviations', () => {
    const first = shares(drawn.length, (i) => drawn[i]?.[0]);
    expect(Object.keys(first).sort()).toEqual(['a/1', 'b/1', 'c/1']);
    expect(Math.abs((first['a/1'] ?? 0) - 0.5)).toBeLessThan(0.0125);
    expect(Math.abs((first['b/1'] ?? 0) - 0.3)).toBeLessThan(0.0115);
  });

  it('chooses by weight among the rest, too', () => {
    const rest = drawn.filter(([first]) => first === 'a/1');
    const second = shares(rest.length, (i) => rest[i]?.[1]);
    expect(Math.abs((second['b/1'] ?? 0) - 0.6)).toBeLessThan(0.0175);
  });

  it('puts what has no weight last, whatever the chance', () => {
    expect(new Set(drawn.map((targets) => targets[3]))).toEqual(new Set(['d/1']));
    const certain = ordering({ random: () => 0 });
    expect(certain(routeOf('weighted', ['d/1*0', 'a/1*1', 'e/1*0']))).toEqual(['a/1', 'd/1', 'e/1']);
  });
});

describe('round_robin', () => {
  it('begins with each target equally often, and shares the calls of one that fails among all others', () => {
    fc.assert(
      fc.property(someTargets(2), (targets) => {
        const order = ordering();
        const route = routeOf('round_robin', targets);
        const followers = new Map(targets.map((target) => [target, new Set<string>()]));
        for (let i = 0; i < targets.length * (targets.length - 1); i++) {
          const [first = '', second = '', ...others] = order(route);
          expect(first).toBe(targets[i % targets.length]);
          expect([first, second, ...others].toSorted()).toEqual(targets.toSorted());
          followers.get(first)?.add(second);
        }
        for (const seconds of followers.values()) expect(seconds.size).toBe(targets.length - 1);
      }),
    );
  });

  it('counts each route alone', () => {
    const order = ordering();
    const [one, other] = [routeOf('round_robin', ['a/1', 'b/1']), routeOf('round_robin', ['a/1', 'b/1'])];
    expect([order(one)[0], order(other)[0], order(one)[0], order(other)[0]]).toEqual(['a/1', 'a/1', 'b/1', 'b/1']);
  });
});

describe('least_cost', () => {
  it('goes from cheap to dear, with those of equal price as listed and those without a price last', () => {
    const costNanoUsd = by({ 'a/1': 7, 'b/1': undefined, 'c/1': 0, 'd/1': 7 });
    const order = ordering({ measures: { costNanoUsd } });
    expect(order(routeOf('least_cost', ['b/1', 'd/1', 'a/1', 'c/1']))).toEqual(['c/1', 'd/1', 'a/1', 'b/1']);
  });

  it('asks for the price of what the call is expected to use', () => {
    const asked: bigint[] = [];
    const costNanoUsd: Measures['costNanoUsd'] = (_, { inputTokens, outputTokens }) => {
      asked.push(inputTokens, outputTokens);
      return 1;
    };
    ordering({ measures: { costNanoUsd } })(routeOf('least_cost', ['a/1', 'b/1']));
    expect(asked).toEqual([10n, 500n, 10n, 500n]);
  });
});

describe.each<[Strategy, (numbers: Readonly<Record<string, number>>) => Partial<Measures>]>([
  ['least_latency', (numbers) => ({ latencyMs: by(numbers) })],
  ['least_busy', (numbers) => ({ busy: (target) => by(numbers)(target) ?? 0 })],
])('%s', (strategy, measuresOf) => {
  it('never begins with the worse of the two that are drawn', () => {
    fc.assert(
      fc.property(someTargets(2), anyNumbers, anyChance, anyChance, (targets, numbers, one, two) => {
        const measure = (name: string | undefined) => numbers[name ?? ''] ?? 0;
        const at = Math.floor(one * targets.length);
        const others = [...targets.slice(at + 1), ...targets.slice(0, at)];
        const drawn = [targets[at], others[Math.floor(two * others.length)]];
        const order = ordering({ measures: measuresOf(numbers), random: chances(one, two) });
        const [first] = order(routeOf(strategy, targets));
        expect(drawn).toContain(first);
        expect(measure(first)).toBe(Math.min(...drawn.map(measure)));
      }),
    );
  });

  it('has the others follow from the best to the worst', () => {
    const order = ordering({ measures: measuresOf({ 'a/1': 4, 'b/1': 3, 'c/1': 2, 'd/1': 1 }), random: chances(0) });
    expect(order(routeOf(strategy, ['a/1', 'b/1', 'c/1', 'd/1']))).toEqual(['b/1', 'd/1', 'c/1', 'a/1']);
  });

  it('shares evenly what is equally good, and sends at most a share of 2/n to the best', () => {
    const targets = ['a/1', 'b/1', 'c/1', 'd/1'];
    const even = ordering({ measures: measuresOf({}) });
    for (const share of Object.values(shares(20_000, () => even(routeOf(strategy, targets))[0])))
      expect(Math.abs(share - 0.25)).toBeLessThan(0.0155);
    const one = ordering({ measures: measuresOf({ 'b/1': 5, 'c/1': 5, 'd/1': 5 }) });
    const best = shares(20_000, () => one(routeOf(strategy, targets))[0])['a/1'] ?? 0;
    expect(Math.abs(best - 0.5)).toBeLessThan(0.018);
  });
});

it('least_latency takes what is not known for the fastest, so that it gets known', () => {
  const order = ordering({ measures: { latencyMs: by({ 'a/1': 1, 'b/1': undefined }) } });
  expect(order(routeOf('least_latency', ['a/1', 'b/1']))).toEqual(['b/1', 'a/1']);
});

describe('a sticky route', () => {
  const kept: readonly Strategy[] = ['weighted', 'round_robin', 'least_latency', 'least_busy'];
  const session = fc.string({ minLength: 1, maxLength: 40 });

  it('is a function of the session and the set of targets, whatever else there is', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kept), someTargets(), session, fc.nat(), (strategy, targets, id, seed) => {
        const order = ordering({ random: seeded(seed) });
        const once = order(routeOf(strategy, targets, { sticky: true }), id);
        const again = routeOf(strategy, targets.toReversed(), { sticky: true, name: 'another' });
        expect(ordering()(again, id)).toEqual(once);
        expect(order(again, id)).toEqual(once);
      }),
    );
  });

  it('moves only the sessions of a target that goes away, each to its second', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kept), someTargets(2), session, fc.nat(7), (strategy, targets, id, at) => {
        const gone = targets[at % targets.length];
        const before = ordering()(routeOf(strategy, targets, { sticky: true }), id);
        const left = routeOf(
          strategy,
          targets.filter((name) => name !== gone),
          { sticky: true },
        );
        expect(ordering()(left, id)).toEqual(before.filter((name) => name !== gone));
      }),
    );
  });

  it('spreads sessions by weight where the strategy does, and evenly otherwise', () => {
    const targets = ['a/1*3', 'b/1*1'];
    const order = ordering();
    const of = (strategy: Strategy) =>
      shares(20_000, (i) => order(routeOf(strategy, targets, { sticky: true }), `session-${i}`)[0])['a/1'] ?? 0;
    expect(Math.abs(of('weighted') - 0.75)).toBeLessThan(0.0155);
    expect(Math.abs(of('least_busy') - 0.5)).toBeLessThan(0.018);
  });

  it('keeps to no session where one target is better than another', () => {
    const better = fc.constantFrom<Strategy>('priority', 'least_cost');
    fc.assert(
      fc.property(better, someTargets(), session, (strategy, targets, id) => {
        expect(ordering()(routeOf(strategy, targets, { sticky: true }), id)).toEqual(targets);
      }),
    );
  });

  it.each([
    [true, ''],
    [false, 's'],
  ])('takes turns where there is no session to keep to: sticky %j, session %j', (sticky, id) => {
    const order = ordering();
    const route = routeOf('round_robin', ['a/1', 'b/1'], { sticky });
    expect([order(route, id)[0], order(route, id)[0]]).toEqual(['a/1', 'b/1']);
  });
});
