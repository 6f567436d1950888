import type { ModelFacts } from './facts.ts';
import { mockModels } from './mock.ts';
import { openaiModels } from './openai.ts';

const index = (models: readonly ModelFacts[]) => new Map(models.map((facts) => [facts.id, facts]));

const byProvider: ReadonlyMap<string, ReadonlyMap<string, ModelFacts>> = new Map([
  ['openai', index(openaiModels)],
  ['mock', index(mockModels)],
]);

/** The day of a frozen version of a model, as its provider appends it to the id. */
const DATE_SUFFIX = /-\d{4}-\d{2}-\d{2}$/;

/** The providers the catalogue knows. Each is the `kind` of a configured provider, not the name it was given. */
export const catalogueProviders = (): readonly string[] => [...byProvider.keys()];

/**
 * What is known of a model; undefined: nothing. An id with a date, such as "gpt-5-2025-08-07", has the facts of the
 * one without. `provider` is the `kind` of a configured provider.
 */
export function findModel(provider: string, id: string): ModelFacts | undefined {
  const models = byProvider.get(provider);
  return models?.get(id) ?? models?.get(id.replace(DATE_SUFFIX, ''));
}

/** Every model known of a provider, by its `kind`, the retired ones too. */
export const modelsOf = (provider: string): readonly ModelFacts[] => [...(byProvider.get(provider)?.values() ?? [])];
