import { catalogue, catalogueProviders } from '../catalogue/catalogue.ts';
import { modelPatterns } from '../core/patterns.ts';
import { isAnswer } from '../routing/goals.ts';
import { noRouting } from '../routing/settings.ts';
import { allowedByDefault, type Notes } from './allowed.ts';
import { ambiguities } from './ambiguity.ts';
import { catalogueOverrides } from './catalogue-overrides.ts';
import type { Config } from './config.ts';
import { chosenDefault, defaultNotices, standIn } from './default-model.ts';
import { answerNames } from './fallback.ts';
import { kindNames, MOCK } from './kinds.ts';
import { isKnownProvider, type Place } from './models.ts';
import type { Problem } from './problem.ts';
import { type Providers, switchOf } from './providers.ts';
import { targetName } from './routes.ts';
import { findTargets, notAllowed, routingOf } from './routing.ts';
import { ruleNotices } from './routing-notices.ts';
import type { TargetLookup } from './routing-targets.ts';
import type { FileConfig } from './schema.ts';
import { suggestion } from './similar.ts';
import { pathText } from './tree.ts';

/** Which models may be called, and where calls go. */
type Chosen = Pick<Config, 'defaultModel' | 'allowedModels' | 'routing'>;

const NOTHING_CHOSEN: Chosen = { defaultModel: undefined, allowedModels: [], routing: noRouting };

/** What is on, and what may be called there. */
export type Selection = Chosen &
  Pick<Config, 'providers' | 'offProviders' | 'defaultProvider' | 'mockEverything' | 'mockStandsIn'>;

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

function switchedOn({ config, providers }: SelectionInput, mockStandsIn: boolean, notes: Notes) {
  const { on, mock } = providers;
  const { use } = config.mock;
  if (use ?? (mockStandsIn || isMockNamed(config))) {
    if (mockStandsIn)
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

const isMockNamed = ({ providers, models }: FileConfig): boolean =>
  MOCK in providers || models.default_provider === MOCK;

/** Nobody has said anything of the mock, and there is nothing else. */
const standsIn = ({ config, providers }: SelectionInput): boolean =>
  providers.on.length === 0 && config.mock.use === undefined && !isMockNamed(config);

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

/** The order of the file. A default provider that was chosen goes first, unless the order has a place for it. */
function providerOrderOf(places: readonly Place[], { config, providers }: SelectionInput, notes: Notes) {
  const { default_provider, provider_order } = config.models;
  const names = places.map(({ name }) => name);
  provider_order.forEach((name, i) => {
    const report = (problem: string, fix: string) =>
      notes.problems.push({ path: pathText(['models', 'provider_order', i]), problem, fix });
    if (!names.includes(name) && !isKnownProvider(name, providers.off))
      report('is not the name of a provider', suggestion(name, [...names, ...kindNames], 'Remove it.'));
    else if (provider_order.indexOf(name) < i) report('is there twice', 'Remove one.');
  });
  const first = default_provider === undefined ? [] : [default_provider];
  const order = provider_order.includes(first[0] ?? '') ? provider_order : [...first, ...provider_order];
  return order.filter((name) => names.includes(name));
}

/** With the mock in their place, the catalogue's providers can be named without being configured. */
const stoodInFor = (on: readonly Place[]): readonly Place[] =>
  catalogueProviders()
    .filter((kind) => kind !== MOCK && kindNames.includes(kind) && !on.some(({ name }) => name === kind))
    .map((kind) => ({ name: kind, kind, models: [] }));

/** Settles which models may be called, which one is the default, and where calls go. */
function chooseModels(lookup: TargetLookup, { config, impliedProvider }: SelectionInput, notes: Notes): Chosen {
  const { models } = config;
  const chosen = chosenDefault(config, lookup, notes);
  const targets = findTargets(config, lookup);
  const routed = targets.found.map(({ target }) => target).filter((target) => !isAnswer(target));
  const named = [...(chosen === undefined ? [] : [chosen]), ...routed.map(targetName)];
  const allowedModels = models.allowed ?? allowedByDefault(lookup.places, named, lookup.known, notes);
  const allowed = modelPatterns(allowedModels);
  const { routing, problems } = routingOf({ config, lookup, targets, allowed });
  notes.problems.push(...targets.problems, ...notAllowed(targets, allowed), ...problems);

  const isProviderChosen = (models.default_provider ?? impliedProvider) !== undefined;
  const defaultModel = chosen ?? standIn(allowedModels, lookup, isProviderChosen);
  notes.notices.push(...defaultNotices(defaultModel, chosen !== undefined, lookup, routing.rules));
  notes.notices.push(...ruleNotices(routing.rules, config.cache.enabled));
  if (!lookup.mockEverything) {
    const names = [...allowedModels, ...(defaultModel === undefined ? [] : [defaultModel])];
    notes.problems.push(...ambiguities({ lookup, allowed, names, routeNames: new Set(routing.routes.keys()) }));
  }
  return { allowedModels, defaultModel, routing };
}

function choose(input: SelectionInput): Selected {
  const { config, providers } = input;
  const notes: Notes = { notices: [], problems: [] };
  const mockStandsIn = standsIn(input);
  const on = switchedOn(input, mockStandsIn, notes);
  const mockEverything = config.mock.use === true;
  const named = mockEverything ? [...on, ...stoodInFor(on)] : on;
  const defaultProvider = chooseProvider(named, input, notes);
  const offProviders = providers.off.map(({ name }) => name);
  const selection = { providers: on, offProviders, defaultProvider, mockEverything, mockStandsIn };
  if (notes.problems.length > 0) return { ...notes, selection: { ...selection, ...NOTHING_CHOSEN } };

  const lookup: TargetLookup = {
    places: named.toSorted((a, b) => Number(b.name === defaultProvider) - Number(a.name === defaultProvider)),
    off: providers.off,
    known: catalogue({ providers: named, overrides: catalogueOverrides(config.catalogue).overrides }),
    providerOrder: providerOrderOf(named, input, notes),
    answers: answerNames(config),
    mockEverything,
  };
  return { ...notes, selection: { ...selection, ...chooseModels(lookup, input, notes) } };
}

/**
 * Settles which providers are on, which one is the default, which models may be called, and where calls go. With all
 * models switched off nothing of that can be wrong.
 */
export function select(input: SelectionInput): Selected {
  const selected = choose(input);
  if (input.config.enabled) return selected;
  const notices = ['The language models are switched off (enabled is false): every call gets the fallback answer.'];
  const { selection, problems } = selected;
  return { notices, problems: [], selection: problems.length > 0 ? { ...selection, ...NOTHING_CHOSEN } : selection };
}
