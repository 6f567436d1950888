import type { ProviderConfig } from './config.ts';
import type { Problem } from './problem.ts';
import { provider } from './provider-entry.ts';
import { type ProviderEntry, providerSchema } from './schema-providers.ts';
import { pathText } from './tree.ts';

export interface Providers {
  /** Those that are on but for the mock, in the order of the file and then of the environment. */
  readonly on: readonly ProviderConfig[];
  /** The names of those that are configured, and off for want of a key. */
  readonly off: readonly string[];
  /** Whether it is on depends on the others. */
  readonly mock: ProviderConfig;
  readonly problems: readonly Problem[];
}

/** OpenAI is on when its key is there; a compatible server needs none. */
const isOn = ({ kind, keys }: ProviderConfig) => kind === 'openai_compatible' || keys.length > 0;

/** Makes providers of the entries, and tells which are on. */
export function resolveProviders(entries: Readonly<Record<string, ProviderEntry>>): Providers {
  const problems: Problem[] = [];
  const make = (name: string, entry: ProviderEntry) =>
    provider(name, entry, (field, problem, fix) => {
      problems.push({ path: pathText(['providers', name, field].flat()), problem, fix });
    });
  const all = Object.entries(entries).map(([name, entry]) => make(name, entry));
  const calling = all.filter(({ kind }) => kind !== 'mock');
  return {
    on: calling.filter(isOn),
    off: calling.filter((one) => !isOn(one)).map(({ name }) => name),
    mock: all.find(({ kind }) => kind === 'mock') ?? make('mock', providerSchema.parse({})),
    problems,
  };
}
