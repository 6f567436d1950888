import { providerAddress } from './addresses.ts';
import type { CompatConfig, ProviderConfig } from './config.ts';
import type { ProviderEntry } from './schema-providers.ts';

type Kind = ProviderConfig['kind'];

/** Source: https://platform.openai.com/docs/api-reference (2026-11-21). */
const OPENAI_ADDRESS = 'https://api.openai.com/v1';

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

const reserved: ReadonlyMap<string, Kind> = new Map([
  ['openai', 'openai'],
  ['mock', 'mock'],
]);

const kindOf = (name: string, entry: ProviderEntry): Kind => entry.kind ?? reserved.get(name) ?? 'openai_compatible';

/** Takes a problem with a field of the entry. */
export type Report = (field: string | readonly string[], problem: string, fix: string) => void;

function checkKind(name: string, kind: Kind, report: Report): void {
  const wanted = reserved.get(name);
  if (wanted !== undefined && wanted !== kind)
    report('kind', `does not suit the name "${name}"`, 'Choose another name, or leave kind out.');
  else if (kind === 'mock' && name !== 'mock') report('kind', 'is mock', 'There is one mock, and its name is "mock".');
}

/** Settings that a kind has no use for would be ignored in silence. */
function checkUse(kind: Kind, entry: ProviderEntry, report: Report): void {
  const useless = 'has no effect here';
  if (kind !== 'openai_compatible' && entry.compat)
    report('compat', useless, 'Only the kind openai_compatible has it.');
  if (kind !== 'mock') return;
  const fix = 'Remove it: the mock calls nobody.';
  if (entry.base_url !== undefined) report('base_url', useless, fix);
  if (entry.api_key !== undefined) report('api_key', useless, fix);
  if (Object.keys(entry.headers).length > 0) report('headers', useless, fix);
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

function addressOf(kind: Kind, entry: ProviderEntry, report: Report): URL | undefined {
  const text = entry.base_url ?? (kind === 'openai' ? OPENAI_ADDRESS : undefined);
  if (kind === 'mock') return undefined;
  if (text === undefined) {
    report('base_url', 'is missing', 'Write the address before "/chat/completions", such as http://127.0.0.1:8000/v1.');
    return undefined;
  }
  const address = providerAddress(text, entry.allow_insecure);
  if ('url' in address) return address.url;
  report('base_url', address.problem, address.fix);
  return undefined;
}

function compatOf(entry: ProviderEntry): CompatConfig | undefined {
  const { compat } = entry;
  return (
    compat && {
      maxTokensField: compat.max_tokens_field,
      developerRole: compat.developer_role,
      streamUsage: compat.stream_usage,
      jsonSchema: compat.json_schema,
      reasoningEffort: compat.reasoning_effort,
      replayReasoning: compat.replay_reasoning,
    }
  );
}

/** What an entry of the file stands for. It is usable only if nothing was reported. */
export function provider(name: string, entry: ProviderEntry, report: Report): ProviderConfig {
  const kind = kindOf(name, entry);
  checkKind(name, kind, report);
  checkUse(kind, entry, report);
  return {
    name,
    kind,
    baseUrl: addressOf(kind, entry, report),
    keys: entry.api_key === undefined ? [] : [{ name: `${name} api_key`, value: entry.api_key, weight: 1 }],
    headers: headersOf(entry, report),
    models: entry.models,
    maxConnections: entry.max_connections,
    compat: compatOf(entry),
    api: undefined,
    folderId: undefined,
    app: undefined,
    dataLogging: undefined,
  };
}
