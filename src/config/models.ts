import { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { catalogueProviders, findModel, modelsOf } from '../catalogue/catalogue.ts';
import type { ProviderConfig } from './config.ts';
import { futureProviders } from './variables.ts';

/** A provider that models are looked up at. */
export type Place = Pick<ProviderConfig, 'name' | 'kind' | 'models'>;

/** "provider/id", or what to do for the want of it. */
export type Found = { readonly model: string } | { readonly problem: string; readonly fix: string };

const has = ({ kind, models }: Place, id: string) => models.includes(id) || findModel(kind, id) !== undefined;

/** The model of each tier, that of the standard one first. */
const tierIds = (kind: string): string[] =>
  modelsOf(kind)
    .filter(({ tier }) => tier !== undefined)
    .sort((a, b) => Number(b.tier === ModelTier.STANDARD) - Number(a.tier === ModelTier.STANDARD))
    .map(({ id }) => id);

/**
 * The ids a provider offers where nobody chose: the model of each tier, and those that the configuration names. The
 * first is the default.
 */
export const offeredIds = ({ kind, models }: Place): readonly string[] => [...new Set([...tierIds(kind), ...models])];

/** Whether a provider of this name exists, though it is not on. */
export const isKnownProvider = (name: string, off: readonly string[]): boolean =>
  [...off, ...catalogueProviders(), ...futureProviders].includes(name);

/**
 * Finds what a name of a model means: "provider/id" if such a provider is on; else an id that a provider is known to
 * have, `places[0]` asked first; else an id that is passed on to `places[0]` as it is.
 */
export function findDefault(name: string, places: readonly Place[], off: readonly string[]): Found {
  const prefix = name.slice(0, Math.max(name.indexOf('/'), 0));
  if (places.some((place) => place.name === prefix))
    return name.length > prefix.length + 1
      ? { model: name }
      : { problem: 'has no id after the provider', fix: 'Write "provider/id".' };
  const place = places.find((candidate) => has(candidate, name));
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
export function lifeNotice(model: string, places: readonly Place[]): string | undefined {
  const slash = model.indexOf('/');
  const place = places.find(({ name }) => name === model.slice(0, slash));
  const date = findModel(place?.kind ?? '', model.slice(slash + 1))?.retirementDate;
  return date ? `The default model ${model} is no longer served from ${date} on; choose a newer one.` : undefined;
}
