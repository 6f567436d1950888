import { providerKinds } from '../providers/registry.ts';
import type { ProviderConfig } from './config.ts';
import { COMPATIBLE, MOCK, providerVariable, variablesOfKinds } from './kinds.ts';
import type { Problem } from './problem.ts';
import { needsFolder, provider } from './provider-entry.ts';
import { type ProviderEntry, providerSchema } from './schema-providers.ts';
import type { Sources } from './sources.ts';
import { pathText } from './tree.ts';

/** A provider that is configured in part. */
export interface OffProvider {
  readonly name: string;
  /** The variable or the setting that it lacks. */
  readonly lacks: string;
}

export interface Providers {
  /** Those that are on but for the mock, in the order of the file and then of the environment. */
  readonly on: readonly ProviderConfig[];
  readonly off: readonly OffProvider[];
  /** Whether it is on depends on the others. */
  readonly mock: ProviderConfig;
  readonly problems: readonly Problem[];
}

/** What keeps a provider from being called; undefined: nothing. */
function lackOf({ name, kind: word, keys, baseUrl, folderId }: ProviderConfig): string | undefined {
  const kind = providerKinds.get(word);
  const variables = variablesOfKinds.find((one) => one.kind === name);
  if (kind?.needsKey && keys.length === 0) return variables?.keys[0] ?? 'api_key';
  if (!baseUrl) return variables ? variables.baseUrl : 'LLM_BASE_URL';
  if (kind && needsFolder(kind) && folderId === undefined) return variables?.folderId ?? 'folder_id';
  return undefined;
}

/** The variable to set for a provider that nothing speaks of, so that it is on; undefined: it is no kind. */
export function switchOf(name: string): string | undefined {
  const kind = providerKinds.get(name);
  if (!kind || name === COMPATIBLE) return undefined;
  const keys = variablesOfKinds.find((one) => one.kind === name)?.keys;
  return kind.needsKey ? keys?.[0] : providerVariable(name, 'BASE_URL');
}

/** A server that needs neither a key nor an address is on when it is named as the default provider. */
const isOnByName = (name: string): boolean => {
  const kind = providerKinds.get(name);
  return kind !== undefined && !kind.needsKey && kind.baseUrl !== undefined;
};

/** Makes providers of the entries, and tells which are on. */
export function resolveProviders(
  entries: Readonly<Record<string, ProviderEntry>>,
  defaultProvider: string | undefined,
  sources: Sources,
): Providers {
  const problems: Problem[] = [];
  const make = (name: string, entry: ProviderEntry) =>
    provider(name, entry, sources, (field, problem, fix) => {
      problems.push({ path: pathText(['providers', name, field].flat()), problem, fix });
    });
  const all = Object.entries(entries).map(([name, entry]) => make(name, entry));
  if (defaultProvider !== undefined && !Object.hasOwn(entries, defaultProvider) && isOnByName(defaultProvider))
    all.push(make(defaultProvider, providerSchema.parse({})));
  /** A key alone says nothing of whether a server that needs none is there. */
  const isOnlyKey = ({ name }: ProviderConfig) =>
    isOnByName(name) && name !== defaultProvider && !sources.isInFile(name) && entries[name]?.base_url === undefined;
  const lack = (one: ProviderConfig) => (isOnlyKey(one) ? providerVariable(one.name, 'BASE_URL') : lackOf(one));
  const calling = all.filter(({ kind }) => kind !== MOCK).map((one) => ({ one, lacks: lack(one) }));
  return {
    on: calling.filter(({ lacks }) => lacks === undefined).map(({ one }) => one),
    off: calling.flatMap(({ one, lacks }) => (lacks === undefined ? [] : [{ name: one.name, lacks }])),
    mock: all.find(({ kind }) => kind === MOCK) ?? make(MOCK, providerSchema.parse({})),
    problems,
  };
}
