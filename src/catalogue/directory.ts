import type { Model, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { GatewayError } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { type Catalogue, catalogueProviders, findModel } from './catalogue.ts';
import type { ModelFacts } from './facts.ts';
import { modelMessage } from './model-message.ts';
import type { Price } from './rates.ts';
import { type Retirement, retirementOf } from './retirement.ts';
import { targetsByTier } from './tiers.ts';

/** A provider as the directory knows it. */
export interface DirectoryProvider {
  /** The name under which it is configured. */
  readonly name: string;
  /** The ids that the configuration names for it. */
  readonly models: readonly string[];
}

export interface DirectoryOptions {
  readonly catalogue: Catalogue;
  /** The day it is, as YYYY-MM-DD. */
  readonly today: () => string;
  /** Those that are switched on, in the order of preference. */
  readonly providers: readonly DirectoryProvider[];
  /** Those of them that go before all others, best first. */
  readonly providerOrder?: readonly string[];
  /** The names of those that are configured and off. */
  readonly off?: readonly string[];
  /** "provider/id". */
  readonly defaultModel: string | undefined;
  /** The provider that takes ids which none is known to have. */
  readonly defaultProvider: string | undefined;
  readonly allowed: (target: Target) => boolean;
}

export interface Resolution {
  /** Best first; never empty. */
  readonly targets: readonly Target[];
  /** Why these, in a few words. */
  readonly reason: string;
}

/** Which models may be named here, and where each is. */
export interface Directory {
  /**
   * Where a model is, from "provider/id", an id alone, or nothing. An id that the catalogue does not know is taken as
   * it is if its provider is named. Errors: `model_not_found`, `provider_not_configured`, `invalid_request`.
   */
  resolve(model: string): Resolution;
  /** The models of a tier that may be called and are still served, in the order of the providers. */
  ofTier(tier: ModelTier): readonly Target[];
  /** Whether a provider of this name is switched on. */
  has(provider: string): boolean;
  /** What is known of a model. Undefined: nothing. */
  find(target: Target): ModelFacts | undefined;
  /** Whether governance lets it be called. */
  allowed(target: Target): boolean;
  /** What it costs. Undefined: not known. */
  price(target: Target): Price | undefined;
  /** Undefined: its end is not near, or not known. */
  retirement(target: Target): Retirement | undefined;
  /** All models known of the providers that are on, as of today. The same array until something has changed. */
  list(): readonly Model[];
}

export function directory(given: DirectoryOptions): Directory {
  const options = { ...given, providers: inOrder(given.providers, given.providerOrder ?? []) };
  const { catalogue, today } = options;
  const byName = new Map(options.providers.map((provider) => [provider.name, provider]));
  const list = lister(options);
  return {
    resolve(model) {
      if (model !== '') return resolveName(model, options, byName);
      if (options.defaultModel === undefined) throw noDefault();
      return { ...resolveName(options.defaultModel, options, byName), reason: 'the default model' };
    },
    ofTier: targetsByTier(list),
    has: (provider) => byName.has(provider),
    find: catalogue.find,
    allowed: options.allowed,
    price: catalogue.price,
    retirement: (target) => retirementOf(catalogue.find(target), today()),
    list,
  };
}

/** Those that are not in the order stay as they are, behind the others. */
function inOrder(providers: readonly DirectoryProvider[], order: readonly string[]): readonly DirectoryProvider[] {
  const first = order.flatMap((name) => providers.filter((provider) => provider.name === name));
  return [...new Set([...first, ...providers])];
}

/** What is listed changes with the day and with what the catalogue learns, and is made anew only then. */
function lister(options: DirectoryOptions): Directory['list'] {
  const { catalogue, today, providers } = options;
  let list: readonly Model[] = [];
  let madeOf = '';
  return () => {
    const day = today();
    const from = `${catalogue.revision} ${day}`;
    if (from !== madeOf) list = providers.flatMap((provider) => modelsAt(provider, options, day));
    madeOf = from;
    return list;
  };
}

function resolveName(
  model: string,
  options: DirectoryOptions,
  byName: ReadonlyMap<string, DirectoryProvider>,
): Resolution {
  const slash = model.indexOf('/');
  const provider = model.slice(0, Math.max(slash, 0));
  if (byName.has(provider))
    return { targets: [{ provider, model: model.slice(slash + 1) }], reason: 'named with its provider' };
  const having = options.providers.filter((candidate) => knows(candidate, model, options.catalogue));
  if (having.length > 0) return { targets: having.map(({ name }) => ({ provider: name, model })), reason: 'named' };
  if (slash > 0 && [...catalogueProviders(), ...(options.off ?? [])].includes(provider)) throw notConfigured(provider);
  if (options.defaultProvider === undefined) throw notFound(model);
  return { targets: [{ provider: options.defaultProvider, model }], reason: 'named, at the default provider' };
}

const knows = ({ name, models }: DirectoryProvider, id: string, catalogue: Catalogue): boolean =>
  models.includes(id) || catalogue.find({ provider: name, model: id }) !== undefined;

const noDefault = () =>
  new GatewayError(
    'invalid_request',
    'The request names no model, and there is no default. Set model, or LLM_DEFAULT_MODEL.',
    {
      violations: [{ field: 'model', description: 'must name a model, since there is no default' }],
    },
  );

function notFound(model: string): GatewayError {
  const [kind] = catalogueProviders().filter((each) => findModel(each, model) !== undefined);
  const known = kind === undefined ? '' : ` It is a model of the provider ${kind}, which is not switched on.`;
  return new GatewayError(
    'model_not_found',
    `No provider here is known to have the model ${JSON.stringify(model)}.${known} Name it as "provider/id", or list models with ListModels.`,
  );
}

const notConfigured = (provider: string) =>
  new GatewayError(
    'provider_not_configured',
    `The provider ${JSON.stringify(provider)} is not switched on here. Set its key, or use a model that ListModels gives.`,
  );

function modelsAt({ name, models }: DirectoryProvider, options: DirectoryOptions, today: string): Model[] {
  const { catalogue, allowed } = options;
  const known = catalogue.modelsOf(name).map(({ id }) => id);
  return [...new Set([...known, ...models])].map((model) => {
    const target = { provider: name, model };
    const live = { allowed: allowed(target), listed: catalogue.listed(target), today };
    return modelMessage(target, catalogue.find(target), live);
  });
}
