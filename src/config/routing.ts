import { ModelLifecycle, ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import type { ModelMatcher } from '../core/patterns.ts';
import type { Route } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { isAnswer } from '../routing/goals.ts';
import type { RoutingSettings } from '../routing/settings.ts';
import { havingId, inOrder } from './models.ts';
import type { Problem } from './problem.ts';
import { type RouteParts, routeNamed, routeOf } from './routes.ts';
import { type Destination, ruleOf } from './routing-rules.ts';
import { findTarget, type NamedTarget, namedTargets, type TargetLookup } from './routing-targets.ts';
import type { FileConfig } from './schema.ts';
import { type ComplexityName, complexityNames, type TierEntry, type TierName, tierNames } from './schema-routing.ts';
import { timeoutsOf } from './timeouts.ts';
import { type Path, pathText } from './tree.ts';

/** The models that the routing names. */
export interface RoutingTargets {
  readonly found: readonly (NamedTarget & { readonly target: Target })[];
  readonly problems: readonly Problem[];
}

export function findTargets({ routing }: FileConfig, lookup: TargetLookup): RoutingTargets {
  const all = namedTargets(routing).map((named) => ({ ...named, result: findTarget(named.name, lookup) }));
  return {
    found: all.flatMap(({ path, name, result }) => ('target' in result ? [{ path, name, target: result.target }] : [])),
    problems: all.flatMap(({ path, result }) => ('target' in result ? [] : [{ path: pathText(path), ...result }])),
  };
}

/** A problem for each model that may not be called. An answer that needs no model always may. */
export const notAllowed = ({ found }: RoutingTargets, allowed: ModelMatcher): readonly Problem[] =>
  found
    .filter(({ target }) => !isAnswer(target) && !allowed(target))
    .map(({ path }) => ({
      path: pathText(path),
      problem: 'is not among the allowed models',
      fix: 'Add it to ALLOWED_MODELS, or choose one of those.',
    }));

export interface RoutingInput {
  readonly config: FileConfig;
  readonly lookup: TargetLookup;
  readonly targets: RoutingTargets;
  readonly allowed: ModelMatcher;
}

export interface Routed {
  readonly routing: RoutingSettings;
  readonly problems: readonly Problem[];
}

const tiers: Readonly<Record<TierName, ModelTier>> = {
  fast: ModelTier.FAST,
  balanced: ModelTier.BALANCED,
  premium: ModelTier.PREMIUM,
};

/** Makes the settings of the routing from what the file says, once its models are found. */
export function routingOf(input: RoutingInput): Routed {
  const { config, lookup, targets } = input;
  const { routing } = config;
  const problems: Problem[] = [];
  const byName = new Map(targets.found.map(({ name, target }) => [name, target]));
  const parts: RouteParts = {
    targetOf: (name) => byName.get(name),
    report: (path, problem, fix) => problems.push({ path: pathText(path), problem, fix }),
  };
  const routes = routesOf(input, parts);
  const ofTiers = tiersOf(routing.tiers, routes, parts);
  const timeouts = timeoutsOf(config.timeouts);
  const tierAt = (tier: TierName, path: Path): Destination | undefined => {
    const route = ofTiers.get(tier);
    if (route) return { route };
    const today = ofCatalogue(tier, path, input, parts);
    return today && { route: today, tier: tiers[tier] };
  };
  const rules = routing.rules.map((rule, i) =>
    ruleOf(rule, ['routing', 'rules', i], { ...parts, routes, tierAt, timeouts }),
  );
  checkRuleNames(input, parts);
  return {
    problems,
    routing: {
      rules,
      routes,
      tiers: new Map([...ofTiers].map(([tier, route]) => [tiers[tier], route])),
      complexity: complexityOf(config),
      providerOrder: lookup.providerOrder,
    },
  };
}

function routesOf({ config, lookup }: RoutingInput, parts: RouteParts): ReadonlyMap<string, Route> {
  const entries = Object.entries(config.routing.routes).map(([name, entry]) => {
    const path = ['routing', 'routes', name];
    if (havingId(name, lookup).length > 0)
      parts.report(path, 'has the id of a model as its name', 'Choose another name, so that it says which is meant.');
    return [name, routeOf({ ...entry, name, path, listPath: [...path, 'targets'] }, parts)] as const;
  });
  return new Map(entries);
}

function tiersOf(
  entries: FileConfig['routing']['tiers'],
  routes: ReadonlyMap<string, Route>,
  parts: RouteParts,
): ReadonlyMap<TierName, Route> {
  const found = tierNames.flatMap((tier) => {
    const entry = entries[tier];
    const route = entry && tierRoute(tier, entry, routes, parts);
    return route ? [[tier, route] as const] : [];
  });
  return new Map(found);
}

function tierRoute(tier: TierName, entry: TierEntry, routes: ReadonlyMap<string, Route>, parts: RouteParts) {
  const path = ['routing', 'tiers', tier];
  if (typeof entry === 'string') return routeNamed(entry, routes, path, parts);
  return Array.isArray(entry)
    ? routeOf({ name: tier, path, listPath: path, targets: entry }, parts)
    : routeOf({ ...entry, name: tier, path, listPath: [...path, 'targets'] }, parts);
}

/** The models of the catalogue that are in a tier and may be called, in the order of the providers. */
function ofCatalogue(tier: TierName, path: Path, input: RoutingInput, parts: RouteParts): Route | undefined {
  const { lookup, allowed } = input;
  const targets = inOrder(lookup.places, lookup.providerOrder).flatMap(({ name }) =>
    lookup.known
      .modelsOf(name)
      .filter((facts) => facts.tier === tiers[tier] && facts.lifecycle !== ModelLifecycle.RETIRED)
      .map(({ id }) => ({ provider: name, model: id, weight: 1 }))
      .filter(allowed),
  );
  if (targets.length > 0) return { name: tier, targets, strategy: 'priority', sticky: false };
  parts.report(path, 'has no model that is known and may be called', `List its models in routing.tiers.${tier}.`);
  return undefined;
}

const complexities: Readonly<Record<ComplexityName, TaskComplexity>> = {
  simple: TaskComplexity.SIMPLE,
  moderate: TaskComplexity.MODERATE,
  complex: TaskComplexity.COMPLEX,
};

/** Only those that are set. */
function complexityOf({ routing }: FileConfig): ReadonlyMap<TaskComplexity, ModelTier> {
  const set = complexityNames.flatMap((name) => {
    const tier = routing.complexity[name];
    return tier ? [[complexities[name], tiers[tier]] as const] : [];
  });
  return new Map(set);
}

function checkRuleNames({ config: { routing } }: RoutingInput, { report }: RouteParts): void {
  const names = routing.rules.map(({ name }) => name);
  names.forEach((name, i) => {
    if (names.indexOf(name) < i)
      report(['routing', 'rules', i, 'name'], 'is the name of another rule', 'Give it another one.');
  });
}
