import { type Catalogue, catalogue, catalogueProviders } from '../catalogue/catalogue.ts';
import { modelPatterns } from '../core/patterns.ts';
import { allowedByDefault, type Notes } from './allowed.ts';
import { catalogueOverrides } from './catalogue-overrides.ts';
import type { Config, ProviderConfig } from './config.ts';
import { kindNames, MOCK } from './kinds.ts';
import { type Found, findDefault, lifeNotice, offeredIds, type Place } from './models.ts';
import type { Problem } from './problem.ts';
import { type Providers, switchOf } from './providers.ts';
import type { FileConfig } from './schema.ts';
import { suggestion } from './similar.ts';

/** What is on, and which models may be called. */
export type Selection = Pick<
  Config,
  'providers' | 'defaultProvider' | 'defaultModel' | 'allowedModels' | 'mockEverything'
>;

export interface Selected {
  readonly selection: Selection;
  readonly notices: readonly string[];
  readonly problems: readonly Problem[];
}

export interface SelectionInput {
  readonly config: FileConfig;
  readonly providers: Providers;
  /** The default provider if none is named. Undefined: the first that is on. */
  readonly impliedProvider: string | undefined;
}

function switchedOn({ config, providers }: SelectionInput, notes: Notes): readonly ProviderConfig[] {
  const { on, mock } = providers;
  const { use } = config.mock;
  const named = 'mock' in config.providers || config.models.default_provider === 'mock';
  if (use ?? (named || on.length === 0)) {
    if (use === undefined && !named)
      notes.notices.push(
        'No provider has a key, so the mock answers and no model is called. Set OPENAI_API_KEY, or LLM_BASE_URL for another server.',
      );
    if (use) notes.notices.push('USE_MOCK_LLM is true: the mock answers for every model, and none is called.');
    return [...on, mock];
  }
  if (on.length === 0)
    notes.problems.push({
      path: 'mock.use',
      problem: 'is false, and no other provider is on',
      fix: 'Set OPENAI_API_KEY, or LLM_BASE_URL for another server, or leave this unset.',
    });
  return on;
}

function notOnFix(name: string, on: readonly string[], { off }: Providers): string {
  if (name === MOCK) return 'Leave USE_MOCK_LLM unset, or name another.';
  const lacks = off.find((provider) => provider.name === name)?.lacks ?? switchOf(name);
  if (lacks !== undefined) return `Set ${lacks}, or name another.`;
  return suggestion(name, [...kindNames, ...on], 'Set LLM_BASE_URL to its address, or list it in the file.');
}

function chooseProvider(
  places: readonly Place[],
  { config, providers, impliedProvider }: SelectionInput,
  notes: Notes,
) {
  const name = config.models.default_provider;
  const names = places.map((place) => place.name);
  if (name === undefined) return impliedProvider ?? names[0];
  if (!names.includes(name))
    notes.problems.push({
      path: 'models.default_provider',
      problem: 'names a provider that is not on',
      fix: notOnFix(name, names, providers),
    });
  return name;
}

/**
 * The default model where none was chosen: the default provider's own, or the first one that is allowed by name. If the
 * default provider was chosen, only its own will do: nothing goes where nobody sent it.
 */
function standIn(
  places: readonly Place[],
  allowed: readonly string[],
  known: Catalogue,
  { config, providers, impliedProvider }: SelectionInput,
) {
  const [first] = places;
  const id = first && offeredIds(first, known)[0];
  if (first && id !== undefined && modelPatterns(allowed)({ provider: first.name, model: id }))
    return `${first.name}/${id}`;
  const isChosen = (config.models.default_provider ?? impliedProvider) !== undefined;
  return allowed
    .filter((pattern) => !pattern.includes('*'))
    .map((pattern) => findDefault(pattern, places, providers.off, known))
    .flatMap((found) => ('model' in found ? [found.model] : []))
    .find((model) => !isChosen || model.startsWith(`${first?.name}/`));
}

function explicitDefault(found: Found | undefined, allowed: readonly string[] | undefined, notes: Notes) {
  if (!found) return undefined;
  const report = (problem: string, fix: string) => notes.problems.push({ path: 'models.default', problem, fix });
  if ('problem' in found) {
    report(found.problem, found.fix);
    return undefined;
  }
  const slash = found.model.indexOf('/');
  const target = { provider: found.model.slice(0, slash), model: found.model.slice(slash + 1) };
  if (allowed && !modelPatterns(allowed)(target))
    report('is not among the allowed models', 'Add it to ALLOWED_MODELS, or choose one of those.');
  return found.model;
}

function defaultNotices(model: string | undefined, isChosen: boolean, known: Catalogue): string[] {
  if (model === undefined) return ['There is no default model, so every call must name one: set LLM_DEFAULT_MODEL.'];
  const life = lifeNotice(model, known);
  const taken = isChosen ? [] : [`LLM_DEFAULT_MODEL is not set, so a call that names no model goes to ${model}.`];
  return life === undefined ? taken : [...taken, life];
}

/** With the mock in their place, the catalogue's providers can be named without being configured. */
const stoodInFor = (on: readonly Place[]): readonly Place[] =>
  catalogueProviders()
    .filter((kind) => kind !== MOCK && kindNames.includes(kind) && !on.some(({ name }) => name === kind))
    .map((kind) => ({ name: kind, kind, models: [] }));

/** Settles which providers are on, which one is the default, and which models may be called. */
export function select(input: SelectionInput): Selected {
  const { config, providers } = input;
  const notes: Notes = { notices: [], problems: [] };
  const on = switchedOn(input, notes);
  const mockEverything = config.mock.use === true;
  const named = mockEverything ? [...on, ...stoodInFor(on)] : on;
  const defaultProvider = chooseProvider(named, input, notes);
  const selection = { providers: on, defaultProvider, mockEverything };
  if (notes.problems.length > 0)
    return { ...notes, selection: { ...selection, defaultModel: undefined, allowedModels: [] } };

  const { overrides } = catalogueOverrides(config.catalogue);
  const known = catalogue({ providers: named, overrides });
  const places = named.toSorted((a, b) => Number(b.name === defaultProvider) - Number(a.name === defaultProvider));
  const { default: name, allowed } = config.models;
  const found = name === undefined ? undefined : findDefault(name, places, providers.off, known);
  const chosen = explicitDefault(found, allowed, notes);
  const allowedModels = allowed ?? allowedByDefault(places, chosen, known, notes);
  const defaultModel = chosen ?? standIn(places, allowedModels, known, input);
  notes.notices.push(...defaultNotices(defaultModel, chosen !== undefined, known));
  return { ...notes, selection: { ...selection, defaultModel, allowedModels } };
}
