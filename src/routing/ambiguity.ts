import type { Target } from '../core/target.ts';

/** A provider that is on, and the ids that are known of it. */
export interface Place {
  readonly name: string;
  readonly ids: readonly string[];
}

/** An id that several providers have, and nothing says which of them goes first. */
export interface AmbiguousId {
  readonly id: string;
  /** Those where it is allowed, in the order in which they were given. */
  readonly providers: readonly string[];
}

/**
 * Finds the ids that a request may name alone though more than one provider has them. An id is settled by a route of
 * that name, and by `providerOrder` if that names all of those providers, or all but one, which then goes last. A
 * provider where the id is not allowed does not count.
 */
export function ambiguousIds(
  places: readonly Place[],
  allowed: (target: Target) => boolean,
  providerOrder: readonly string[],
  routeNames: ReadonlySet<string>,
): readonly AmbiguousId[] {
  const ordered = new Set(providerOrder);
  const isUnsettled = (id: string, providers: readonly string[]) =>
    providers.filter((provider) => !ordered.has(provider)).length > 1 && !routeNames.has(id);
  return [...providersById(places)]
    .filter(([id, providers]) => isUnsettled(id, providers))
    .map(([id, providers]) => ({ id, providers: providers.filter((provider) => allowed({ provider, model: id })) }))
    .filter(({ id, providers }) => isUnsettled(id, providers));
}

function providersById(places: readonly Place[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { name, ids } of places) {
    for (const id of new Set(ids)) {
      const providers = found.get(id);
      if (providers) providers.push(name);
      else found.set(id, [name]);
    }
  }
  return found;
}
