import type { Usage } from '#gen/antiphon/v1/completion_pb.js';
import type { Route, Strategy, WeightedTarget } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { hashedChance } from './hash.ts';
import { sortedBy } from './sorted.ts';

/** What strategies go by. */
export interface Measures {
  /**
   * A moving average of the time to the first token, in milliseconds. Undefined: not known, or so old that it says
   * nothing; such a target is tried as if it were the fastest.
   */
  latencyMs(target: Target): number | undefined;
  /** Calls that are with it now. */
  busy(target: Target): number;
  /** What so many tokens cost there, in thousand-millionths of a US dollar. Undefined: not known. */
  costNanoUsd(target: Target, usage: Usage): number | undefined;
}

/** What strategies need to know of a call. */
export interface OrderedCall {
  /** Empty: it is of no session. */
  readonly sessionId: string;
  /** What it is expected to use. */
  readonly usage: () => Usage;
}

/** Puts targets into the order in which they are to be tried. All of one call are ordered by the same turn. */
export type Ordering = (targets: readonly WeightedTarget[]) => readonly WeightedTarget[];

/** Strategies that say more of a target than that one is as good as the other: a session does not change them. */
const FIXED: readonly Strategy[] = ['priority', 'least_cost'];

/** Whether the calls of a session go to one target of this route. */
export const isKept = ({ sticky, strategy }: Route, sessionId: string): boolean =>
  sticky && sessionId !== '' && !FIXED.includes(strategy);

/** Makes the strategies. `random` gives a number from 0 up to but not including 1. */
export function strategies(measures: Measures, random: () => number) {
  const nextTurn = turns();
  const orderings: Readonly<Record<Strategy, (route: Route, call: OrderedCall) => Ordering>> = {
    priority: () => (targets) => targets,
    weighted: () => (targets) => raced(targets, weightOf, () => 1 - random()),
    round_robin: (route) => {
      const turn = nextTurn(route);
      return (targets) => inTurn(targets, turn);
    },
    least_cost: (_, { usage }) => {
      const cost = (target: Target) => measures.costNanoUsd(target, usage()) ?? Number.POSITIVE_INFINITY;
      return (targets) => sortedBy(targets, cost);
    },
    least_latency: () => (targets) => betterOfTwo(targets, (target) => measures.latencyMs(target) ?? 0, random),
    least_busy: () => (targets) => betterOfTwo(targets, (target) => measures.busy(target), random),
  };
  return (route: Route, call: OrderedCall): Ordering =>
    isKept(route, call.sessionId) ? bySession(route, call.sessionId) : orderings[route.strategy](route, call);
}

const weightOf = ({ weight }: WeightedTarget): number => weight;

/**
 * Rendezvous hashing (highest random weight): whoever knows the same targets finds the same order for a session, and one
 * that goes away takes only its own sessions with it. Source: Thaler and Ravishankar, "Using name-based mappings to
 * increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998; with weights by the logarithmic method of
 * Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005.
 */
function bySession({ strategy }: Route, sessionId: string): Ordering {
  const weight = strategy === 'weighted' ? weightOf : () => 1;
  return (targets) =>
    raced(targets, weight, ({ provider, model }) => hashedChance(`${sessionId}\n${provider}/${model}`));
}

/**
 * A race in which each target is as fast, on average, as its weight: the first, and the first of those that are left,
 * come by their share of the weights. `chanceOf` gives a number above 0 and up to 1. A target without weight is last.
 * Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97(5), 2006.
 */
const raced = (
  targets: readonly WeightedTarget[],
  weight: (target: WeightedTarget) => number,
  chanceOf: (target: WeightedTarget) => number,
): readonly WeightedTarget[] =>
  sortedBy(targets, (target) => {
    const arrival = -Math.log(chanceOf(target)) / weight(target);
    return weight(target) > 0 ? arrival : Number.POSITIVE_INFINITY;
  });

/** Counts the calls of each route. */
function turns(): (route: Route) => number {
  const taken = new WeakMap<Route, number>();
  return (route) => {
    const turn = taken.get(route) ?? 0;
    taken.set(route, turn + 1);
    return turn;
  };
}

/**
 * The one whose turn it is comes first. The others take turns at coming next, so that the calls of one that fails are
 * shared among all of them.
 */
function inTurn<T>(items: readonly T[], turn: number): readonly T[] {
  const [first, ...others] = rotated(items, turn % items.length);
  if (first === undefined || others.length === 0) return items;
  return [first, ...rotated(others, Math.floor(turn / items.length) % others.length)];
}

const rotated = <T>(items: readonly T[], by: number): readonly T[] => [...items.slice(by), ...items.slice(0, by)];

/**
 * The better one of two that are drawn by chance comes first, the others by how good they are. So callers that all see
 * the same numbers, or old ones, do not all go to the same place. Source: Mitzenmacher, "The power of two choices in
 * randomized load balancing", IEEE Transactions on Parallel and Distributed Systems 12(10), 2001.
 */
function betterOfTwo(
  targets: readonly WeightedTarget[],
  load: (target: WeightedTarget) => number,
  random: () => number,
): readonly WeightedTarget[] {
  const one = Math.floor(random() * targets.length);
  const other = (one + 1 + Math.floor(random() * (targets.length - 1))) % targets.length;
  const drawn = targets.filter((_, i) => i === one || i === other);
  const [first] = sortedBy(one < other ? drawn : drawn.toReversed(), load);
  return first ? [first, ...sortedBy(targets, load).filter((target) => target !== first)] : targets;
}
