import { ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { type Catalogue, catalogueProviders } from '../catalogue/catalogue.ts';
import type { ProviderConfig } from './config.ts';
import { kindNames } from './kinds.ts';
import type { OffProvider } from './providers.ts';

/** A provider that models are looked up at. */
export type Place = Pick<ProviderConfig, 'name' | 'kind' | 'models'>;

/** "provider/id", or what to do for the want of it. */
export type Found = { readonly model: string } | { readonly problem: string; readonly fix: string };

const has = ({ name, models }: Place, id: string, known: Catalogue) =>
  models.includes(id) || known.find({ provider: name, model: id }) !== undefined;

/** The model of each tier, that of the standard one first. */
const tierIds = (provider: string, known: Catalogue): string[] =>
  known
    .modelsOf(provider)
    .filter(({ tier }) => tier !== undefined)
    .sort((a, b) => Number(b.tier === ModelTier.STANDARD) - Number(a.tier === ModelTier.STANDARD))
    .map(({ id }) => id);

/**
 * The ids a provider offers where nobody chose: the model of each tier, and those that the configuration names. The
 * first is the default.
 */
export const offeredIds = ({ name, models }: Place, known: Catalogue): readonly string[] => [
  ...new Set([...tierIds(name, known), ...models]),
];

/** Whether a provider of this name exists, though it is not on. */
const isKnownProvider = (name: string, off: readonly OffProvider[]): boolean =>
  [...off.map((provider) => provider.name), ...catalogueProviders(), ...kindNames].includes(name);

/**
 * Finds what a name of a model means: "provider/id" if such a provider is on; else an id that a provider is known to
 * have, `places[0]` asked first; else an id that is passed on to `places[0]` as it is.
 */
export function findDefault(
  name: string,
  places: readonly Place[],
  off: readonly OffProvider[],
  known: Catalogue,
): Found {
  const prefix = name.slice(0, Math.max(name.indexOf('/'), 0));
  if (places.some((place) => place.name === prefix))
    return name.length > prefix.length + 1
      ? { model: name }
      : { problem: 'has no id after the provider', fix: 'Write "provider/id".' };
  const place = places.find((candidate) => has(candidate, name, known));
  if (!place && isKnownProvider(prefix, off))
    return {
      problem: 'is a model of a provider that is not on',
      fix: `Choose a model of a provider that is on: ${places.map((each) => each.name).join(', ')}.`,
    };
  const taker = place ?? places[0];
  return taker
    ? { model: `${taker.name}/${name}` }
    : { problem: 'has no provider to go to', fix: 'Configure a provider.' };
}

/** What is worth knowing of a model's life; undefined: nothing. */
export function lifeNotice(model: string, known: Catalogue): string | undefined {
  const slash = model.indexOf('/');
  const facts = known.find({ provider: model.slice(0, slash), model: model.slice(slash + 1) });
  if (!facts) return undefined;
  const { retirementDate: date, lifecycle } = facts;
  if (date === '' && lifecycle !== ModelLifecycle.RETIRED) return undefined;
  return `The default model ${model} is no longer served${date && ` from ${date} on`}; choose a newer one.`;
}
