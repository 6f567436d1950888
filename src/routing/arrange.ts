import type { Directory } from '../catalogue/directory.ts';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Target } from '../core/target.ts';
import { canMeet, type Demand } from './demand.ts';
import { type Goal, isAnswer } from './goals.ts';
import { type Measures, strategies } from './strategies.ts';

export interface ArrangeOptions {
  readonly models: Pick<Directory, 'find'>;
  readonly measures: Measures;
  readonly clock: Pick<Clock, 'random'>;
}

/** Gives those targets of a goal that are permitted, best first; maybe none. */
export type Arrange = (goal: Goal, call: Call, demand: () => Demand) => readonly Target[];

/** Where a target stands whatever the strategy and the wishes: the lowest come first. */
export type Standing = (target: Target, demand: () => Demand) => number;

const LACKING = 1;
const ANSWER = 2;

/** Those that are known to lack what the request needs come behind the others, and answers that need no model last. */
export const standings =
  (models: ArrangeOptions['models']): Standing =>
  (target, demand) => {
    if (isAnswer(target)) return ANSWER;
    return canMeet(models.find(target), demand()) ? 0 : LACKING;
  };

/** Whether governance lets this call go there. */
export type Permitted = (target: Target, call: Call) => boolean;

/**
 * Orders the targets of routes by their strategies: those of each standing in an order of their own, so that a strategy
 * shares the calls among those that can take them.
 */
export function arranger({ models, measures, clock }: ArrangeOptions, permitted: Permitted): Arrange {
  const orderingOf = strategies(measures, () => clock.random());
  const standingOf = standings(models);
  return ({ targets, route }, call, demand) => {
    const isOpen = (target: Target) => permitted(target, call);
    if (!route) return targets.filter(isOpen);
    const open = route.targets.filter(isOpen);
    if (open.length < 2) return open;
    const order = orderingOf(route, { sessionId: call.context.sessionId, usage: () => demand().usage });
    if (open.every((target) => standingOf(target, demand) === 0)) return order(open);
    const byStanding = Map.groupBy(open, (target) => standingOf(target, demand));
    return [0, LACKING, ANSWER].flatMap((standing) => order(byStanding.get(standing) ?? []));
  };
}
