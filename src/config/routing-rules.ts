import type { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { Escalation, Policy, Route } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { isAnswer } from '../routing/goals.ts';
import type { Rule, RuleMatch } from '../routing/settings.ts';
import type { TimeoutConfig } from './config.ts';
import { type RouteParts, routeNamed, routeOf, targetName } from './routes.ts';
import { type MatchEntry, type RuleEntry, type TierName, tierNames } from './schema-routing.ts';
import { contextOf } from './thrift.ts';
import { ownLimits, uselessLimits } from './timeouts.ts';
import type { Path } from './tree.ts';

/** Where a rule, or what it escalates to, leads. */
export interface Destination {
  /** Undefined: nowhere, and that was reported. */
  readonly route?: Route | undefined;
  /** Set: to the models that the catalogue has in this tier when a call comes; `route` has those of today. */
  readonly tier?: ModelTier | undefined;
}

/** What is needed to make rules of what is written. */
export interface RuleParts extends RouteParts {
  readonly routes: ReadonlyMap<string, Route>;
  /** Undefined: the tier leads nowhere, and that is reported at the path. */
  readonly tierAt: (tier: TierName, path: Path) => Destination | undefined;
  /** What counts for all calls. */
  readonly timeouts: TimeoutConfig;
}

/** Makes a rule, and reports what is wrong with it. */
export function ruleOf(entry: RuleEntry, path: Path, parts: RuleParts): Rule {
  const { name, match, ...said } = entry;
  if (Object.values(said).every((value) => value === undefined))
    parts.report(path, 'says nothing', 'Give it a route, a priority or another setting, or remove it.');
  const goal = destinationOf(entry, path, parts);
  checkTimes(entry, path, parts);
  return { match: matchOf(match), policy: policyOf(entry, goal, path, parts) };
}

const matchOf = ({ request_types, source_agents, teams, labels, models }: MatchEntry): RuleMatch => ({
  requestTypes: request_types,
  sourceAgents: source_agents,
  teams,
  labels,
  models,
});

function policyOf(entry: RuleEntry, { route, tier }: Destination, path: Path, parts: RuleParts): Policy {
  const { canary, hedge, shadow } = entry;
  const other = (part: string, to: string | undefined) => otherTarget(to, route, [...path, part, 'to'], parts);
  const canaryTo = other('canary', canary?.to);
  const shadowTo = other('shadow', shadow?.to);
  if (shadowTo) checkModels([shadowTo], [...path, 'shadow', 'to'], parts);
  return {
    rule: entry.name,
    priority: entry.priority,
    limits: ownLimits(entry.timeouts ?? {}),
    route: tier ? undefined : route,
    tier,
    fallbacks: targetsOf(entry.fallbacks ?? [], parts),
    canary: canary && canaryTo && { to: canaryTo, share: canary.percent / 100 },
    hedging: hedge && { afterMs: hedge.after_ms, max: hedge.max },
    escalation: escalationOf(entry, route, path, parts),
    shadowing: shadow && shadowTo && { to: shadowTo, share: shadow.percent / 100 },
    cacheTtlMs: entry.cache_ttl_ms,
    context: contextOf(entry.context),
    promptCache: entry.prompt_cache,
  };
}

/** Where the calls go. Empty: as without the rule. */
function destinationOf(entry: RuleEntry, path: Path, parts: RuleParts): Destination {
  const { name, route, tier, targets, strategy, sticky } = entry;
  const [first, ...others] = (['route', 'tier', 'targets'] as const).filter((key) => entry[key] !== undefined);
  for (const key of others)
    parts.report([...path, key], `stands beside ${first}`, 'Keep one of route, tier and targets.');
  if (targets)
    return { route: routeOf({ name, path, listPath: [...path, 'targets'], strategy, sticky, targets }, parts) };
  for (const key of ['strategy', 'sticky'] as const)
    if (entry[key] !== undefined)
      parts.report([...path, key], 'has no effect without targets', 'Set it where the models are listed.');
  if (route !== undefined) return { route: routeNamed(route, parts.routes, [...path, 'route'], parts) };
  return (tier && parts.tierAt(tier, [...path, 'tier'])) ?? {};
}

const targetsOf = (names: readonly string[], { targetOf }: RuleParts): readonly Target[] =>
  names.flatMap((name) => targetOf(name) ?? []);

/** A model besides those of the rule's route. */
function otherTarget(
  name: string | undefined,
  route: Route | undefined,
  path: Path,
  parts: RuleParts,
): Target | undefined {
  const target = name === undefined ? undefined : parts.targetOf(name);
  if (!target) return undefined;
  checkOther([target], route, path, parts);
  return target;
}

function escalationOf({ escalate }: RuleEntry, route: Route | undefined, path: Path, parts: RuleParts) {
  if (!escalate) return undefined;
  const place = [...path, 'escalate', 'to'];
  const goal = typeof escalate.to === 'string' ? goalNamed(escalate.to, place, parts) : undefined;
  const to = typeof escalate.to === 'string' ? (goal?.route?.targets ?? []) : targetsOf(escalate.to, parts);
  checkModels(to, place, parts);
  checkOther(to, route, place, parts);
  const escalation: Escalation = {
    on: [...new Set(escalate.on)],
    to: goal?.tier ? [] : to.map(plain),
    tier: goal?.tier,
  };
  return escalation;
}

const plain = ({ provider, model }: Target): Target => ({ provider, model });

/** The route or the tier of a name. A route goes before a tier of the same name. */
function goalNamed(name: string, path: Path, parts: RuleParts): Destination | undefined {
  const tier = parts.routes.has(name) ? undefined : tierNames.find((each) => each === name);
  return tier ? parts.tierAt(tier, path) : { route: routeNamed(name, parts.routes, path, parts) };
}

/** For what only a model can do. */
function checkModels(to: readonly Target[], path: Path, { report }: RuleParts): void {
  if (to.some(isAnswer)) report(path, 'leads to an answer that needs no model', 'Name models only.');
}

/** To do it with the models that the rule's route has anyway would change nothing. */
function checkOther(to: readonly Target[], route: Route | undefined, path: Path, { report }: RuleParts): void {
  const own = new Set(route?.targets.map(targetName));
  const others = new Set(to.map(targetName));
  if (others.size > 0 && others.size === own.size && [...others].every((name) => own.has(name)))
    report(path, 'is where the calls of this rule go anyway', 'Choose another model.');
}

/** Bounds that come after the end of a try, or after a connection is given up for all calls, are never met. */
function checkTimes({ timeouts = {}, hedge }: RuleEntry, path: Path, { timeouts: ofAll, report }: RuleParts): void {
  for (const name of uselessLimits(timeouts, timeouts.stream_total_ms ?? ofAll.streamTotalMs))
    report([...path, 'timeouts', name], 'is more than stream_total_ms', 'Lower it, or raise the other.');
  if ((timeouts.connect_ms ?? 0) > ofAll.connectMs)
    report([...path, 'timeouts', 'connect_ms'], 'is more than that of all calls', 'Lower it, or raise the other.');
  if (hedge && hedge.after_ms >= (timeouts.total_ms ?? ofAll.totalMs))
    report([...path, 'hedge', 'after_ms'], 'is not less than total_ms', 'Lower it, or raise timeouts.total_ms.');
}
