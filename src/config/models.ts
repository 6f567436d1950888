import { ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { type Catalogue, catalogueProviders } from '../catalogue/catalogue.ts';
import type { Target } from '../core/target.ts';
import type { ProviderConfig } from './config.ts';
import { kindNames } from './kinds.ts';
import type { Problem } from './problem.ts';
import type { OffProvider } from './providers.ts';

/** A provider that models are looked up at. */
export type Place = Pick<ProviderConfig, 'name' | 'kind' | 'models'>;

/** What is wrong with a name of a model, and what to do about it. */
export type Trouble = Omit<Problem, 'path'>;

/** "provider/id", or what to do for the want of it. */
export type Found = { readonly model: string } | Trouble;

/** Where models are looked up. */
export interface Lookup {
  /** The providers that can be named, the default one first. */
  readonly places: readonly Place[];
  readonly off: readonly OffProvider[];
  readonly known: Catalogue;
  /** The providers that go first where several have a model, best first. */
  readonly providerOrder: readonly string[];
}

/** The providers that are known to have an id. */
export const havingId = (id: string, { places, known }: Lookup): readonly Place[] =>
  places.filter(({ name, models }) => models.includes(id) || known.find({ provider: name, model: id }) !== undefined);

/** "provider/id" in two. No provider: it is empty. */
export function splitName(name: string): Target {
  const slash = name.indexOf('/');
  return { provider: name.slice(0, Math.max(slash, 0)), model: name.slice(slash + 1) };
}

/** The models that are in a tier, those of the balanced one first. */
const tierIds = (provider: string, known: Catalogue): string[] =>
  known
    .modelsOf(provider)
    .filter(({ tier }) => tier !== undefined)
    .sort((a, b) => Number(b.tier === ModelTier.BALANCED) - Number(a.tier === ModelTier.BALANCED))
    .map(({ id }) => id);

/**
 * The ids a provider offers where nobody chose: the model of each tier, and those that the configuration names. The
 * first is the default.
 */
export const offeredIds = ({ name, models }: Place, known: Catalogue): readonly string[] => [
  ...new Set([...tierIds(name, known), ...models]),
];

/** Whether a provider of this name exists, though it is not on. */
export const isKnownProvider = (name: string, off: readonly OffProvider[]): boolean =>
  [...off.map((provider) => provider.name), ...catalogueProviders(), ...kindNames].includes(name);

/** What to do if the provider that a name begins with is not on. Undefined: there is no such provider. */
export function notOn(provider: string, { places, off }: Lookup): Trouble | undefined {
  if (!isKnownProvider(provider, off)) return undefined;
  const choice = `hoose a model of a provider that is on: ${places.map((each) => each.name).join(', ')}.`;
  const lacks = off.find(({ name }) => name === provider)?.lacks;
  return lacks === undefined
    ? { problem: 'is a model of a provider that is not on', fix: `C${choice}` }
    : { problem: 'is a model of a provider that is configured and off', fix: `Set ${lacks}, or c${choice}` };
}

/** "provider/" says nothing. */
export const NO_ID: Trouble = { problem: 'has no id after the provider', fix: 'Write "provider/id".' };

/**
 * Finds what a name of a model means: "provider/id" if such a provider is on; else an id that a provider is known to
 * have, by the order of providers and then the default one first; else an id that is passed on to the default provider
 * as it is.
 */
export function findDefault(name: string, lookup: Lookup): Found {
  const { provider, model } = splitName(name);
  const { places } = lookup;
  if (places.some((place) => place.name === provider)) return model === '' ? NO_ID : { model: name };
  const [place] = inOrder(havingId(name, lookup), lookup.providerOrder);
  const off = place ? undefined : notOn(provider, lookup);
  if (off) return off;
  const taker = place ?? places[0];
  return taker
    ? { model: `${taker.name}/${name}` }
    : { problem: 'has no provider to go to', fix: 'Configure a provider.' };
}

/** Those that are not in the order stay as they are, behind the others. */
export function inOrder(places: readonly Place[], order: readonly string[]): readonly Place[] {
  const rank = ({ name }: Place) => (order.includes(name) ? order.indexOf(name) : order.length);
  return places.toSorted((a, b) => rank(a) - rank(b));
}

/** What is worth knowing of a model's life; undefined: nothing. */
export function lifeNotice(model: string, known: Catalogue): string | undefined {
  const facts = known.find(splitName(model));
  if (!facts) return undefined;
  const { retirementDate: date, lifecycle } = facts;
  if (date === '' && lifecycle !== ModelLifecycle.RETIRED) return undefined;
  return `The default model ${model} is no longer served${date && ` from ${date} on`}; choose a newer one.`;
}
