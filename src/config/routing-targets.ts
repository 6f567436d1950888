import type { Target } from '../core/target.ts';
import { FALLBACK_PROVIDER } from '../routing/goals.ts';
import { havingId, isKnownProvider, type Lookup, NO_ID, notOn, splitName, type Trouble } from './models.ts';
import type { RouteEntry, RoutingEntry, RuleEntry, TargetEntry, TierEntry } from './schema-routing.ts';
import { suggestion } from './similar.ts';
import type { Path } from './tree.ts';

/** A model that the routing names, and where. */
export interface NamedTarget {
  readonly path: Path;
  readonly name: string;
}

export const entryName = (entry: TargetEntry): string => (typeof entry === 'string' ? entry : entry.model);

/** Every model that the routing names, in the order of the file. */
export const namedTargets = ({ routes, tiers, rules }: RoutingEntry): readonly NamedTarget[] => [
  ...Object.entries(routes).flatMap(([name, route]) => ofRoute(['routing', 'routes', name], route)),
  ...Object.entries(tiers).flatMap(([tier, entry]) => ofTier(['routing', 'tiers', tier], entry)),
  ...rules.flatMap((rule, i) => ofRule(['routing', 'rules', i], rule)),
];

const ofList = (path: Path, entries: readonly TargetEntry[] = []): NamedTarget[] =>
  entries.map((entry, i) => ({
    path: [...path, i, ...(typeof entry === 'string' ? [] : ['model'])],
    name: entryName(entry),
  }));

const ofRoute = (path: Path, { targets }: Pick<RouteEntry, 'targets'>): NamedTarget[] =>
  ofList([...path, 'targets'], targets);

function ofTier(path: Path, entry: TierEntry | undefined): NamedTarget[] {
  if (entry === undefined || typeof entry === 'string') return [];
  return Array.isArray(entry) ? ofList(path, entry) : ofRoute(path, entry);
}

function ofRule(path: Path, { targets, fallbacks, canary, escalate, shadow }: RuleEntry): NamedTarget[] {
  const one = (part: string, to: string | undefined) =>
    to === undefined ? [] : [{ path: [...path, part, 'to'], name: to }];
  return [
    ...ofList([...path, 'targets'], targets),
    ...ofList([...path, 'fallbacks'], fallbacks),
    ...one('canary', canary?.to),
    ...(typeof escalate?.to === 'object' ? ofList([...path, 'escalate', 'to'], escalate.to) : []),
    ...one('shadow', shadow?.to),
  ];
}

export interface TargetLookup extends Lookup {
  /** The names of the answers that need no model. */
  readonly answers: ReadonlySet<string>;
  /** Whether the mock plays every provider, also those that are not on. */
  readonly mockEverything: boolean;
}

/**
 * Finds the model that a name means: "provider/id" at a provider that is on, or an id that just one of them is known to
 * have. Unlike a default model, one that nobody is known to have goes nowhere.
 */
export function findTarget(name: string, lookup: TargetLookup): { readonly target: Target } | Trouble {
  const target = splitName(name);
  if (target.provider === FALLBACK_PROVIDER) return findAnswer(target, lookup);
  if (lookup.places.some((place) => place.name === target.provider)) return target.model === '' ? NO_ID : { target };
  const [place, ...others] = havingId(name, lookup);
  if (place && others.length > 0)
    return {
      problem: `is a model of several providers: ${[place, ...others].map((each) => each.name).join(', ')}`,
      fix: 'Write "provider/id".',
    };
  if (place) return { target: { provider: place.name, model: name } };
  if (lookup.mockEverything && target.model !== '' && isKnownProvider(target.provider, lookup.off)) return { target };
  return (
    notOn(target.provider, lookup) ?? {
      problem: 'is not a model that a provider here is known to have',
      fix: 'Write "provider/id", or add it to the models of its provider.',
    }
  );
}

function findAnswer(target: Target, { answers }: TargetLookup): { readonly target: Target } | Trouble {
  if (answers.has(target.model)) return { target };
  const fix = suggestion(target.model, [...answers], 'Add it to fallback.answers.');
  return { problem: 'names an answer that is not there', fix };
}
