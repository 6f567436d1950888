import { catalogueProviders } from '../catalogue/catalogue.ts';
import { modelPatterns } from '../core/patterns.ts';
import type { Config, ProviderConfig } from './config.ts';
import { type Found, findDefault, isKnownProvider, lifeNotice, offeredIds, type Place } from './models.ts';
import type { Problem } from './problem.ts';
import type { Providers } from './providers.ts';
import type { FileConfig } from './schema.ts';
import { suggestion } from './similar.ts';
import { futureProviders, providerVariable } from './variables.ts';

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

/** What stays the same while the answer is put together. */
interface Notes {
  readonly notices: string[];
  readonly problems: Problem[];
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
  if (futureProviders.includes(name)) return 'This version has no such provider yet; give its address as LLM_BASE_URL.';
  if (name === 'mock') return 'Leave USE_MOCK_LLM unset, or name another.';
  if (isKnownProvider(name, off)) return `Set ${providerVariable(name, 'API_KEY')}, or name another.`;
  return suggestion(name, ['openai', 'mock', ...on], 'Set LLM_BASE_URL to its address, or list it in the file.');
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

const derivedPatterns = (places: readonly Place[], chosen: string | undefined): readonly string[] => {
  const offered = places.flatMap((place) =>
    place.kind === 'mock' ? [`${place.name}/*`] : offeredIds(place).map((id) => `${place.name}/${id}`),
  );
  return [...new Set(chosen === undefined ? offered : [...offered, chosen])];
};

function allowedByDefault(places: readonly Place[], chosen: string | undefined, notes: Notes): readonly string[] {
  const patterns = derivedPatterns(places, chosen);
  const none = places.filter(({ name }) => !patterns.some((pattern) => pattern.startsWith(`${name}/`)));
  if (patterns.length === 0)
    notes.problems.push({
      path: 'ALLOWED_MODELS',
      problem: 'is not set, and no model of the providers that are on is known',
      fix: `Set it, for example to ${none[0]?.name}/*, or name a model as LLM_DEFAULT_MODEL.`,
    });
  else {
    notes.notices.push(`ALLOWED_MODELS is not set, so these may be called: ${patterns.join(', ')}.`);
    for (const { name } of none)
      notes.notices.push(`No model of ${name} may be called, since none is known: list them in ALLOWED_MODELS.`);
  }
  return patterns;
}

/**
 * The default model where none was chosen: the default provider's own, or the first one that is allowed by name. If the
 * default provider was chosen, only its own will do: nothing goes where nobody sent it.
 */
function standIn(
  places: readonly Place[],
  allowed: readonly string[],
  { config, providers, impliedProvider }: SelectionInput,
) {
  const [first] = places;
  const id = first && offeredIds(first)[0];
  if (first && id !== undefined && modelPatterns(allowed)({ provider: first.name, model: id }))
    return `${first.name}/${id}`;
  const isChosen = (config.models.default_provider ?? impliedProvider) !== undefined;
  return allowed
    .filter((pattern) => !pattern.includes('*'))
    .map((pattern) => findDefault(pattern, places, providers.off))
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

function defaultNotices(model: string | undefined, isChosen: boolean, places: readonly Place[]): string[] {
  if (model === undefined) return ['There is no default model, so every call must name one: set LLM_DEFAULT_MODEL.'];
  const life = lifeNotice(model, places);
  const taken = isChosen ? [] : [`LLM_DEFAULT_MODEL is not set, so a call that names no model goes to ${model}.`];
  return life === undefined ? taken : [...taken, life];
}

/** With the mock in their place, the catalogue's providers can be named without being configured. */
const stoodInFor = (on: readonly Place[]): readonly Place[] =>
  catalogueProviders()
    .filter((kind) => kind === 'openai' && !on.some(({ name }) => name === kind))
    .map((name) => ({ name, kind: 'openai', models: [] }));

/** Settles which providers are on, which one is the default, and which models may be called. */
export function select(input: SelectionInput): Selected {
  const { config, providers } = input;
  const notes: Notes = { notices: [], problems: [] };
  const on = switchedOn(input, notes);
  const mockEverything = config.mock.use === true;
  const known = mockEverything ? [...on, ...stoodInFor(on)] : on;
  const defaultProvider = chooseProvider(known, input, notes);
  const selection = { providers: on, defaultProvider, mockEverything };
  if (notes.problems.length > 0)
    return { ...notes, selection: { ...selection, defaultModel: undefined, allowedModels: [] } };

  const places = known.toSorted((a, b) => Number(b.name === defaultProvider) - Number(a.name === defaultProvider));
  const { default: name, allowed } = config.models;
  const found = name === undefined ? undefined : findDefault(name, places, providers.off);
  const chosen = explicitDefault(found, allowed, notes);
  const allowedModels = allowed ?? allowedByDefault(places, chosen, notes);
  const defaultModel = chosen ?? standIn(places, allowedModels, input);
  notes.notices.push(...defaultNotices(defaultModel, chosen !== undefined, places));
  return { ...notes, selection: { ...selection, defaultModel, allowedModels } };
}
