import type { ModelMatcher } from '../core/patterns.ts';
import { ambiguousIds } from '../routing/ambiguity.ts';
import { havingId, type Lookup, type Place, splitName } from './models.ts';
import type { Problem } from './problem.ts';

export interface AmbiguityInput {
  readonly lookup: Lookup;
  readonly allowed: ModelMatcher;
  /** The patterns of what is allowed, and the default model: what they name in full is listed here. */
  readonly names: readonly string[];
  readonly routeNames: ReadonlySet<string>;
}

/** So many ids are named of those that the same providers have. */
const MOST_NAMED = 3;

const inWords = new Intl.ListFormat('en-GB');

/**
 * A problem for each group of providers that have the same ids, if nothing says which of them goes first: a request
 * that names such an id alone would go wherever chance has put it.
 */
export function ambiguities({ lookup, allowed, names, routeNames }: AmbiguityInput): readonly Problem[] {
  const { places, providerOrder } = lookup;
  const isQualified = (id: string) => places.some(({ name }) => name === splitName(id).provider);
  const own = places.map((place) => new Set(idsAt(place, names, lookup)));
  const ids = [...new Set(own.flatMap((each) => [...each]))].filter((id) => !isQualified(id));
  // A provider also has the versions of its models, which may be listed at another one only.
  const having = new Map(ids.map((id) => [id, havingId(id, lookup)]));
  const listed = places.map((place, i) => ({
    name: place.name,
    ids: ids.filter((id) => own[i]?.has(id) || having.get(id)?.includes(place)),
  }));
  const found = ambiguousIds(listed, allowed, providerOrder, routeNames).map(({ id, providers }) => ({
    id,
    group: inWords.format(providers.filter((provider) => !providerOrder.includes(provider))),
  }));
  return [...Map.groupBy(found, ({ group }) => group)].map(([group, ids]) =>
    problemOf(
      group,
      ids.map(({ id }) => id),
    ),
  );
}

/** What is known of a provider, what the file lists for it, and what is named with it. */
const idsAt = ({ name, models }: Place, names: readonly string[], { known }: Lookup): readonly string[] => [
  ...known.modelsOf(name).map(({ id }) => id),
  ...models,
  ...names.filter((each) => each.startsWith(`${name}/`) && !each.includes('*')).map((each) => splitName(each).model),
];

function problemOf(group: string, ids: readonly string[]): Problem {
  const more = ids.length - MOST_NAMED;
  const examples = [...ids.slice(0, MOST_NAMED), ...(more > 0 ? [`${more} more`] : [])];
  return {
    path: 'models.provider_order',
    problem: `does not say which of ${group} goes first, and each of them has ${inWords.format(examples)}`,
    fix: 'List them there, or in LLM_PROVIDER_ORDER, best first; or write "provider/id" in models.allowed.',
  };
}
