import { create } from '@bufbuild/protobuf';
import { type Model, ModelSchema } from '#gen/antiphon/v1/model_pb.js';
import type { Target } from '../core/call.ts';
import { GatewayError } from '../core/errors.ts';
import { catalogueProviders, findModel, modelsOf } from './catalogue.ts';

/** A provider as the directory knows it. */
export interface DirectoryProvider {
  /** The name under which it is configured. */
  readonly name: string;
  /** Its key in the catalogue. */
  readonly kind: string;
  /** The ids that the configuration names for it. */
  readonly models: readonly string[];
}

export interface DirectoryOptions {
  /** Those that are switched on, in the order of preference. */
  readonly providers: readonly DirectoryProvider[];
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
  /** Whether governance lets it be called. */
  allowed(target: Target): boolean;
  /** All models known of the providers that are on. */
  list(): Model[];
}

export function directory(options: DirectoryOptions): Directory {
  const byName = new Map(options.providers.map((provider) => [provider.name, provider]));
  return {
    resolve(model) {
      if (model !== '') return resolveName(model, options, byName);
      if (options.defaultModel === undefined) throw noDefault();
      return { ...resolveName(options.defaultModel, options, byName), reason: 'the default model' };
    },
    allowed: options.allowed,
    list: () => options.providers.flatMap((provider) => modelsAt(provider, options.allowed)),
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
  const having = options.providers.filter((candidate) => knows(candidate, model));
  if (having.length > 0) return { targets: having.map(({ name }) => ({ provider: name, model })), reason: 'named' };
  if (slash > 0 && catalogueProviders().includes(provider)) throw notConfigured(provider);
  if (options.defaultProvider === undefined) throw notFound(model);
  return { targets: [{ provider: options.defaultProvider, model }], reason: 'named, at the default provider' };
}

const knows = ({ kind, models }: DirectoryProvider, id: string): boolean =>
  models.includes(id) || findModel(kind, id) !== undefined;

const noDefault = () =>
  new GatewayError(
    'invalid_request',
    'The request names no model, and there is no default. Set model, or LLM_DEFAULT_MODEL.',
    {
      violations: [{ field: 'model', description: 'must name a model, since there is no default' }],
    },
  );

const notFound = (model: string) =>
  new GatewayError(
    'model_not_found',
    `No provider here is known to have the model ${JSON.stringify(model)}. Name it as "provider/id", or list models with ListModels.`,
  );

const notConfigured = (provider: string) =>
  new GatewayError(
    'provider_not_configured',
    `The provider ${JSON.stringify(provider)} is not switched on here. Set its key, or use a model that ListModels gives.`,
  );

function modelsAt({ name, kind, models }: DirectoryProvider, allowed: (target: Target) => boolean): Model[] {
  const known = modelsOf(kind).map(({ id }) => id);
  return [...new Set([...known, ...models])].map((id) =>
    create(ModelSchema, { id, provider: name, allowed: allowed({ provider: name, model: id }), ...factsOf(kind, id) }),
  );
}

function factsOf(kind: string, id: string) {
  const facts = findModel(kind, id);
  if (!facts) return {};
  const { tier, abilities, lifecycle, retirementDate, contextWindowTokens, maxOutputTokens } = facts;
  return {
    abilities: [...abilities],
    lifecycle,
    retirementDate,
    ...(tier === undefined ? {} : { tier }),
    ...(contextWindowTokens === undefined ? {} : { contextWindowTokens }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}
