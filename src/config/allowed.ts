import type { Catalogue } from '../catalogue/catalogue.ts';
import { MOCK } from './kinds.ts';
import { offeredIds, type Place } from './models.ts';
import type { Problem } from './problem.ts';

/** What is found out on the way to the answer. */
export interface Notes {
  readonly notices: string[];
  readonly problems: Problem[];
}

const derivedPatterns = (places: readonly Place[], named: readonly string[], known: Catalogue): readonly string[] => {
  const offered = places.flatMap((place) =>
    place.kind === MOCK ? [`${place.name}/*`] : offeredIds(place, known).map((id) => `${place.name}/${id}`),
  );
  return [...new Set([...offered, ...named])];
};

/**
 * Patterns for what may be called where nobody said: what is offered, and what was named, each as "provider/id", as the
 * default or by the routing.
 */
export function allowedByDefault(
  places: readonly Place[],
  named: readonly string[],
  known: Catalogue,
  notes: Notes,
): readonly string[] {
  const patterns = derivedPatterns(places, named, known);
  const none = places.filter(({ name }) => !patterns.some((pattern) => pattern.startsWith(`${name}/`)));
  if (patterns.length === 0)
    notes.problems.push({
      path: 'ALLOWED_MODELS',
      problem: 'is not set, and no model of the providers that are on is known',
      fix: `Set it, for example to ${none[0]?.name}/*, or name a model as LLM_DEFAULT_MODEL.`,
    });
  else {
    notes.notices.push(`ALLOWED_MODELS is not set, so these may be called: ${patterns.join(', ')}.`);
    if (none.length > 0)
      notes.notices.push(
        `No model of ${inWords(none)} may be called, since none is known: list them in ALLOWED_MODELS.`,
      );
  }
  return patterns;
}

/** As "a", "a and b", "a, b and c". */
const inWords = (places: readonly Place[]): string =>
  new Intl.ListFormat('en-GB').format(places.map(({ name }) => name));
