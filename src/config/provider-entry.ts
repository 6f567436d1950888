import type { ProviderKind } from '../providers/provider.ts';
import { providerKinds } from '../providers/registry.ts';
import { FALLBACK_PROVIDER } from '../routing/goals.ts';
import { providerAddress } from './addresses.ts';
import type { ProviderConfig } from './config.ts';
import { COMPATIBLE, kindNames, MOCK } from './kinds.ts';
import { keysOf, type Report } from './provider-keys.ts';
import { checkUse, specialOf } from './provider-settings.ts';
import type { ProviderEntry } from './schema-providers.ts';
import type { Sources } from './sources.ts';

/** Headers that the gateway sets itself, or that steer the connection. */
const OWN_HEADERS = [
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'traceparent',
  'transfer-encoding',
  'upgrade',
];

const kindOf = (name: string, { kind }: ProviderEntry): string =>
  kind ?? (kindNames.includes(name) ? name : COMPATIBLE);

function checkKind(name: string, kind: string, report: Report): void {
  if (name === FALLBACK_PROVIDER)
    report([], 'is a name that is taken', 'Choose another: "fallback/<name>" are the answers that need no model.');
  if (kindNames.includes(name) && name !== kind)
    report('kind', `does not suit the name "${name}"`, 'Choose another name, or leave kind out.');
  else if (kind === MOCK && name !== MOCK) report('kind', 'is mock', 'There is one mock, and its name is "mock".');
}

function headersOf(entry: ProviderEntry, report: Report): Record<string, string> {
  const headers = new Map<string, string>();
  for (const [given, value] of Object.entries(entry.headers)) {
    const name = given.toLowerCase();
    if (name === 'authorization') report(['headers', given], 'is made from the key', 'Remove it and set api_key.');
    else if (OWN_HEADERS.includes(name)) report(['headers', given], 'is set by the gateway', 'Remove it.');
    else if (headers.has(name)) report(['headers', given], 'is there twice', 'Remove one.');
    headers.set(name, value);
  }
  return Object.fromEntries(headers);
}

function addressOf(kind: ProviderKind | undefined, entry: ProviderEntry, report: Report): URL | undefined {
  const text = entry.base_url ?? kind?.baseUrl;
  if (!kind || text === undefined) return undefined;
  const address = providerAddress(text, entry.allow_insecure);
  if ('url' in address) return address.url;
  report('base_url', address.problem, address.fix);
  return undefined;
}

/** One that only variables speak of is off while something is missing; one of the file must be whole. */
function checkWhole(kind: ProviderKind, entry: ProviderEntry, report: Report): void {
  if ((entry.base_url ?? kind.baseUrl) === undefined)
    report('base_url', 'is missing', 'Write the address before "/chat/completions", such as http://127.0.0.1:8000/v1.');
  if (needsFolder(kind) && entry.folder_id === undefined)
    report('folder_id', 'is missing', 'Write the id of the folder that Yandex Cloud bills.');
}

/** A kind that has a use for a folder cannot do without. */
export const needsFolder = ({ settings }: ProviderKind): boolean => settings.includes('folderId');

/** What an entry of the configuration stands for. It is usable only if nothing was reported. */
export function provider(name: string, entry: ProviderEntry, sources: Sources, report: Report): ProviderConfig {
  const word = kindOf(name, entry);
  const kind = providerKinds.get(word);
  checkKind(name, word, report);
  checkUse(kind, entry, report);
  if (kind && sources.isInFile(name)) checkWhole(kind, entry, report);
  return {
    name,
    kind: word,
    baseUrl: addressOf(kind, entry, report),
    keys: kind ? keysOf(name, entry, sources, report) : [],
    headers: headersOf(entry, report),
    models: entry.models,
    maxConnections: entry.max_connections,
    maxConcurrency: entry.max_concurrency,
    ...specialOf(entry),
  };
}
