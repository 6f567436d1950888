import { type Catalogue, catalogue, catalogueProviders } from './catalogue/catalogue.ts';
import { todayBy } from './catalogue/day.ts';
import { type Directory, directory } from './catalogue/directory.ts';
import type { Config } from './config/config.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { modelPatterns } from './core/patterns.ts';

/** The providers whose models may be named here. With the mock playing all of them, that is every one's. */
function placesOf(config: Config) {
  const configured = config.providers.map(({ name, kind, models }) => ({
    name,
    kind,
    models: [...new Set([...models, ...namedAt(name, config)])],
  }));
  const played = catalogueProviders().filter((kind) => !configured.some(({ name }) => name === kind));
  const others = config.mockEverything ? played.map((kind) => ({ name: kind, kind, models: [] })) : [];
  return [...configured, ...others];
}

/** What is known of the models of these providers. */
export const catalogueOf = (config: Config): Catalogue =>
  catalogue({ providers: placesOf(config), overrides: config.catalogue.overrides });

/** Which models may be named here. */
export function directoryOf(config: Config, clock: Clock = systemClock, known = catalogueOf(config)): Directory {
  // The mock takes any id, so that by default it would hide every mistake in a model's name.
  const real = config.providers.some(({ name, kind }) => name === config.defaultProvider && kind !== 'mock');
  return directory({
    catalogue: known,
    today: todayBy(clock),
    providers: placesOf(config),
    providerOrder: config.routing.providerOrder,
    off: config.offProviders,
    defaultModel: config.defaultModel,
    defaultProvider: real ? config.defaultProvider : undefined,
    allowed: modelPatterns(config.allowedModels),
  });
}

/** The models that the configuration names with this provider: the default one, and those allowed one by one. */
const namedAt = (provider: string, { defaultModel, allowedModels }: Config): string[] =>
  [defaultModel ?? '', ...allowedModels]
    .filter((name) => name.startsWith(`${provider}/`) && !name.includes('*'))
    .map((name) => name.slice(provider.length + 1));
