import type { ListedModel } from '../core/listed-model.ts';
import type { Target } from '../core/target.ts';
import { type Amendments, amended } from './amended.ts';
import { builtIn, builtInKinds } from './built-in.ts';
import type { ModelFacts } from './facts.ts';
import { fromListing } from './listed.ts';
import { FREE } from './mock.ts';
import type { ModelOverride } from './override.ts';
import type { Price } from './rates.ts';
import type { Shelf } from './shelf.ts';

/** A provider as the catalogue knows it. */
export interface CatalogueProvider {
  /** The name under which it is configured. */
  readonly name: string;
  /** What it is: models are built in by kind. */
  readonly kind: string;
}

export interface CatalogueOptions {
  readonly providers: readonly CatalogueProvider[];
  /** What the configuration says, by "provider/id". It wins over all else. */
  readonly overrides?: ReadonlyMap<string, ModelOverride>;
}

/** What is known of models. Providers go by the names under which they are configured. */
export interface Catalogue {
  /** Undefined: nothing. An id with a version may have the facts, and then the `id`, of the one without. */
  find(target: Target): ModelFacts | undefined;
  /** Undefined: not known. The mock is free of charge whatever model it plays. */
  price(target: Target): Price | undefined;
  /** All that are known of a provider, the retired ones too. */
  modelsOf(provider: string): readonly ModelFacts[];
  /**
   * Takes over what a provider's own listing says on a day (YYYY-MM-DD), in the place of what its last one said. It
   * wins over what is built in. A provider that is not configured is ignored.
   */
  learn(provider: string, listed: readonly ListedModel[], day: string): void;
  /** Whether the provider's own listing has it. Undefined: none was read. */
  listed(target: Target): boolean | undefined;
  /** Another one after each `learn`. */
  readonly revision: number;
}

interface Known {
  readonly kind: string;
  readonly shelf: Shelf;
  /** The ids of its listing, with their versions and without. */
  readonly listed: ReadonlySet<string> | undefined;
}

/** Makes the catalogue of the configured providers. */
export function catalogue({ providers, overrides = new Map() }: CatalogueOptions): Catalogue {
  const shelfOf = (name: string, kind: string, learned: Amendments = new Map()) =>
    amended(builtIn(kind), name, [learned, overridesOf(name, overrides)]);
  const known = new Map<string, Known>(
    providers.map(({ name, kind }) => [name, { kind, shelf: shelfOf(name, kind), listed: undefined }]),
  );
  let revision = 0;
  const find: Catalogue['find'] = ({ provider, model }) => known.get(provider)?.shelf.find(model);
  return {
    find,
    price: (target) => find(target)?.price ?? (known.get(target.provider)?.kind === 'mock' ? FREE : undefined),
    modelsOf: (provider) => known.get(provider)?.shelf.models ?? [],
    learn(provider, models, day) {
      const kind = known.get(provider)?.kind;
      if (kind === undefined) return;
      const learned = fromListing(models, { source: `listing of ${provider}`, asOf: day });
      const shelf = shelfOf(provider, kind, learned);
      const listed = new Set([...learned.keys()].flatMap((id) => [id, shelf.withoutVersion(id)]));
      known.set(provider, { kind, shelf, listed });
      revision++;
    },
    listed: ({ provider, model }) => known.get(provider)?.listed?.has(model),
    get revision() {
      return revision;
    },
  };
}

/** Those of one provider, by the id alone. */
function overridesOf(provider: string, overrides: Amendments): Amendments {
  const prefix = `${provider}/`;
  const own = [...overrides].filter(([target]) => target.startsWith(prefix));
  return new Map(own.map(([target, fields]) => [target.slice(prefix.length), fields]));
}

/** The kinds of providers of which models are built in. */
export const catalogueProviders = builtInKinds;

/** What is built in of a model, by the `kind` of its provider. Undefined: nothing. */
export const findModel = (kind: string, id: string): ModelFacts | undefined => builtIn(kind).find(id);

/** Every model that is built in for a `kind` of provider, the retired ones too. */
export const modelsOf = (kind: string): readonly ModelFacts[] => builtIn(kind).models;
