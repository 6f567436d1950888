import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { CallContextSchema, CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { active, limits, type ModelFacts } from '../../src/catalogue/facts.ts';
import { anonymous, type Call } from '../../src/core/call.ts';
import { noPolicy, type Policy, type Route, type Strategy, type WeightedTarget } from '../../src/core/policy.ts';
import type { Target } from '../../src/core/target.ts';
import type { Measures } from '../../src/routing/strategies.ts';
import { testCall } from '../support/calls.ts';
import { text, user } from '../support/requests.ts';

export const everyStrategy: readonly Strategy[] = [
  'priority',
  'weighted',
  'round_robin',
  'least_cost',
  'least_latency',
  'least_busy',
];

/** "provider/id". */
export const nameOf = ({ provider, model }: Target): string => `${provider}/${model}`;
export const namesOf = (targets: readonly Target[]): readonly string[] => targets.map(nameOf);

export function targetOf(name: string): Target {
  const slash = name.indexOf('/');
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

/** A target from "provider/id" or "provider/id*weight". */
export function weighted(name: string): WeightedTarget {
  const [target = '', weight = '1'] = name.split('*');
  return { ...targetOf(target), weight: Number(weight) };
}

export const routeOf = (strategy: Strategy, targets: readonly string[], more: Partial<Route> = {}): Route => ({
  name: 'r',
  targets: targets.map(weighted),
  strategy,
  sticky: false,
  ...more,
});

export const policyOf = (more: Partial<Policy>): Policy => ({ ...noPolicy, rule: 'x', ...more });

export interface CallInit {
  readonly request?: MessageInitShape<typeof CompleteRequestSchema>;
  readonly policy?: Partial<Policy>;
  readonly session?: string;
  readonly agent?: string;
  readonly team?: string;
}

/** A call that says "hello", and names no model unless it is told to. */
export const callOf = ({ request = {}, policy, session = '', agent = '', team = '' }: CallInit = {}): Call =>
  testCall({
    request: create(CompleteRequestSchema, { messages: [user(text('hello'))], ...request }),
    policy: policy ? policyOf(policy) : noPolicy,
    context: create(CallContextSchema, { sessionId: session, sourceAgent: agent }),
    caller: { ...anonymous, name: 'someone', team },
  });

/** A model of which nothing else is known. */
export const factsOf = (known: Partial<ModelFacts>): ModelFacts => ({
  provider: 'a',
  id: '1',
  tier: undefined,
  abilities: [],
  ...limits(),
  ...active,
  successor: undefined,
  endpoints: [],
  price: undefined,
  ...known,
});

/** Nothing is known of any target, and none is busy. */
export const noMeasures: Measures = { latencyMs: () => undefined, busy: () => 0, costNanoUsd: () => undefined };

/** Chance that is the same each time. Source: mulberry32 by Tommy Ettinger, in the public domain. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    const once = Math.imul(state ^ (state >>> 15), state | 1);
    const twice = once ^ (once + Math.imul(once ^ (once >>> 7), once | 61));
    return ((twice ^ (twice >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each came, as a share of all. */
export function shares(times: number, draw: (i: number) => string | undefined): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const drawn = draw(i) ?? 'none';
    counts[drawn] = (counts[drawn] ?? 0) + 1 / times;
  }
  return counts;
}

const names = ['a/1', 'a/2', 'b/1', 'b/2', 'c/1', 'c/x/1', 'd/1', 'e/1'];

/** Some of a few targets, no two of them the same. */
export const someTargets = (minLength = 1): fc.Arbitrary<readonly string[]> =>
  fc.uniqueArray(fc.constantFrom(...names), { minLength, maxLength: names.length });

export const anyChance: fc.Arbitrary<number> = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
