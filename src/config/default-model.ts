import { modelPatterns } from '../core/patterns.ts';
import type { Rule } from '../routing/settings.ts';
import type { Notes } from './allowed.ts';
import { findDefault, type Lookup, lifeNotice, offeredIds, splitName } from './models.ts';
import type { FileConfig } from './schema.ts';

/** The default model that was chosen, as "provider/id", and reports what is wrong with it. Undefined: none was. */
export function chosenDefault(
  { models, routing }: FileConfig,
  lookup: Lookup,
  { problems }: Notes,
): string | undefined {
  const { default: name, allowed } = models;
  if (name === undefined) return undefined;
  const report = (problem: string, fix: string) => problems.push({ path: 'models.default', problem, fix });
  if (Object.hasOwn(routing.routes, name))
    report('is the name of a route', 'Name a model here, and send all calls to the route by a rule without match.');
  const found = findDefault(name, lookup);
  if ('problem' in found) {
    report(found.problem, found.fix);
    return undefined;
  }
  if (allowed && !modelPatterns(allowed)(splitName(found.model)))
    report('is not among the allowed models', 'Add it to ALLOWED_MODELS, or choose one of those.');
  return found.model;
}

/**
 * The default model where none was chosen: the default provider's own, or the first one that is allowed by name.
 * `isProviderChosen`: only its own will do, since nothing goes where nobody sent it.
 */
export function standIn(allowed: readonly string[], lookup: Lookup, isProviderChosen: boolean): string | undefined {
  const [first] = lookup.places;
  const id = first && offeredIds(first, lookup.known)[0];
  if (first && id !== undefined && modelPatterns(allowed)({ provider: first.name, model: id }))
    return `${first.name}/${id}`;
  return allowed
    .filter((pattern) => !pattern.includes('*'))
    .map((pattern) => findDefault(pattern, lookup))
    .flatMap((found) => ('model' in found ? [found.model] : []))
    .find((model) => !isProviderChosen || model.startsWith(`${first?.name}/`));
}

/** Whether a rule says where every call goes that names no model. */
const isRouted = (rules: readonly Rule[]): boolean =>
  rules.some(
    ({ match: { labels, ...lists }, policy }) =>
      (policy.route ?? policy.tier) &&
      Object.keys(labels).length === 0 &&
      Object.values(lists).every((list) => list === undefined),
  );

/** What a start says of the default model. */
export function defaultNotices(
  model: string | undefined,
  isChosen: boolean,
  { known }: Lookup,
  rules: readonly Rule[],
): readonly string[] {
  const life = model === undefined ? undefined : lifeNotice(model, known);
  const ofLife = life === undefined ? [] : [life];
  if (isChosen || isRouted(rules)) return ofLife;
  if (model === undefined) return ['There is no default model, so every call must name one: set LLM_DEFAULT_MODEL.'];
  return [`LLM_DEFAULT_MODEL is not set, so a call that names no model goes to ${model}.`, ...ofLife];
}
