import type { Warning } from '#gen/antiphon/v1/completion_pb.js';
import type { Directory } from '../catalogue/directory.ts';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { dropped } from '../core/warnings.ts';
import { type ArrangeOptions, arranger, type Permitted, standings } from './arrange.ts';
import { lazyDemand } from './demand.ts';
import { fallbackFinder } from './fallbacks.ts';
import { type Decider, type Goal, type GoalOptions, goals, isAnswer } from './goals.ts';
import { hashedChance } from './hash.ts';
import { sortedBy } from './sorted.ts';

/** Where a call may go. */
export interface Selection {
  /** Best first; no two are the same; never empty. */
  readonly targets: readonly Target[];
  /** Why the first of them is that, in at most 200 characters that hold no text of the caller's. */
  readonly reason: string;
  /** What of the request could not be followed. */
  readonly warnings: readonly Warning[];
}

export type Select = (call: Call) => Selection;

export interface SelectorOptions extends GoalOptions, ArrangeOptions {
  readonly models: Pick<Directory, 'resolve' | 'ofTier' | 'has' | 'find' | 'allowed'>;
  /** Tried after everything else. */
  readonly last?: Target | undefined;
}

const MAX_REASON = 200;

/**
 * Makes the choice of targets, for calls whose policy has been found. Governance filters all of them but the fallback
 * answers.
 *
 * Errors: `model_not_allowed` if governance leaves nothing of what was chosen, whatever could follow as a fallback;
 * those of `Goals.of`.
 */
export function selector(options: SelectorOptions): Select {
  const { models, fallbackAnswers, clock, last } = options;
  const permitted: Permitted = (target, { caller }) =>
    isAnswer(target)
      ? fallbackAnswers?.has(target.model) === true
      : models.allowed(target) && (caller.allowedModels?.(target) ?? true);
  const lead = goals(options);
  const standingOf = standings(models);
  const arrange = arranger(options, permitted);
  // Turns of its own: a route that is only fallen back on must not skip turns for the calls that go to it first.
  const fallbacks = fallbackFinder(lead, arranger(options, permitted));
  return (call) => {
    const { request, policy } = call;
    const demand = lazyDemand(request);
    const goal = lead.of(call);
    const chosen = arrange(goal, call, demand);
    if (chosen.length === 0) throw refusal(call, goal, models);
    const canary = canaryOf(call, clock, permitted);
    const first = bestFirst({ call, goal, chosen, canary }, (target) => standingOf(target, demand));
    const asked = fallbacks(call, demand);
    const all = [
      ...first,
      ...policy.fallbacks.filter((target) => permitted(target, call)),
      ...asked.targets,
      ...(last ? [last] : []),
    ];
    return {
      targets: distinct(first[0] && isAnswer(first[0]) ? all : answersLast(all)),
      reason: reasonOf(first[0], { call, goal, chosen, canary }).slice(0, MAX_REASON),
      warnings: [...unusedWishes(call, goal.by), ...unknownProviders(call, models), ...asked.warnings],
    };
  };
}

/** Undefined: there is none, or the call is not among its share. A session is, or is not, as a whole. */
function canaryOf(call: Call, clock: Pick<Clock, 'random'>, permitted: Permitted): Target | undefined {
  const { canary } = call.policy;
  const { sessionId } = call.context;
  if (!canary || !permitted(canary.to, call)) return undefined;
  const { provider, model } = canary.to;
  const chance = sessionId === '' ? clock.random() : hashedChance(`canary ${provider}/${model}\n${sessionId}`);
  return chance < canary.share ? canary.to : undefined;
}

/** With the canary, and with those at preferred providers before others that stand as high. */
function bestFirst(
  { call: { request }, goal, chosen, canary }: Choice,
  standingOf: (target: Target) => number,
): readonly Target[] {
  const { preferredProviders } = request;
  const all = canary ? [canary, ...chosen] : chosen;
  if (all.length < 2 || (!canary && preferredProviders.length === 0)) return all;
  // Of a model that is named, nothing is held against one provider or another.
  const isNamed = !goal.route && !canary;
  return sortedBy(all, (target) => {
    const rank = preferredProviders.indexOf(target.provider);
    const standing = isNamed ? 0 : standingOf(target);
    return standing * (preferredProviders.length + 1) + (rank < 0 ? preferredProviders.length : rank);
  });
}

/** Whoever names one wants it if no model answers. */
const answersLast = (targets: readonly Target[]): readonly Target[] =>
  targets.some(isAnswer) ? [...targets.filter((target) => !isAnswer(target)), ...targets.filter(isAnswer)] : targets;

const distinct = (targets: readonly Target[]): readonly Target[] => [
  ...new Map(targets.map(({ provider, model }) => [`${provider}/${model}`, { provider, model }])).values(),
];

interface Choice {
  readonly call: Call;
  readonly goal: Goal;
  /** What the goal alone gives. */
  readonly chosen: readonly Target[];
  readonly canary: Target | undefined;
}

function reasonOf(first: Target | undefined, { call, goal, chosen, canary }: Choice): string {
  if (first === chosen[0]) return goal.reason;
  return first === canary ? `canary of rule ${call.policy.rule}` : `${goal.reason}, at a preferred provider`;
}

/** What the request says of the choice, and something that goes before it has made void. */
function unusedWishes({ request: { tier, complexity } }: Call, by: Decider): readonly Warning[] {
  const tierIsVoid = tier !== 0 && by !== 'tier';
  const complexityIsVoid = complexity !== 0 && by !== 'complexity';
  const why = `Left out: ${by === 'rule' ? 'a rule of the server' : `the field ${by}`} has chosen the model.`;
  return [...(tierIsVoid ? [dropped('tier', why)] : []), ...(complexityIsVoid ? [dropped('complexity', why)] : [])];
}

const unknownProviders = ({ request }: Call, models: Pick<Directory, 'has'>): readonly Warning[] =>
  request.preferredProviders.flatMap((name, i) =>
    models.has(name)
      ? []
      : [dropped(`preferred_providers[${i}]`, 'Left out: no provider of this name is switched on here.')],
  );

function refusal(
  { request }: Call,
  { targets, by }: Goal & { by: Decider },
  models: Pick<Directory, 'allowed'>,
): GatewayError {
  const [target] = targets;
  const chosen = target ? `${target.provider}/${target.model}` : '';
  const name = JSON.stringify(by === 'model' ? request.model : chosen);
  // If others may call it, adding it for all would mend nothing.
  const [where, list] = targets.some((each) => models.allowed(each))
    ? ['for this key', 'allowed_models of the key and of its team']
    : ['here', 'ALLOWED_MODELS'];
  return new GatewayError(
    'model_not_allowed',
    `The model ${name} is not allowed ${where}. List those that are with ListModels and allowed_only, or add it to ${list}.`,
    target ? { target } : {},
  );
}
