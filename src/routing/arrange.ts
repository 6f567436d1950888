import type { Directory } from '../catalogue/directory.ts';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Target } from '../core/target.ts';
import { canMeet, type Demand } from './demand.ts';
import type { Goal } from './goals.ts';
import { type Measures, strategies } from './strategies.ts';

export interface ArrangeOptions {
  readonly models: Pick<Directory, 'find'>;
  readonly measures: Measures;
  readonly clock: Pick<Clock, 'random'>;
}

/** Gives those targets of a goal that are permitted, best first; maybe none. */
export type Arrange = (goal: Goal, call: Call, demand: () => Demand) => readonly Target[];

/**
 * Orders the targets of routes by their strategies. Those that are known to lack what the request needs come behind all
 * others, in an order of their own, so that a strategy shares the calls among those that can take them.
 */
export function arranger({ models, measures, clock }: ArrangeOptions, permitted: (target: Target) => boolean): Arrange {
  const orderingOf = strategies(measures, () => clock.random());
  return ({ targets, route }, { context }, demand) => {
    if (!route) return targets.filter(permitted);
    const open = route.targets.filter(permitted);
    if (open.length < 2) return open;
    const order = orderingOf(route, { sessionId: context.sessionId, usage: () => demand().usage });
    const able = open.filter((target) => canMeet(models.find(target), demand()));
    if (able.length === 0 || able.length === open.length) return order(open);
    return [...order(able), ...order(open.filter((target) => !able.includes(target)))];
  };
}
