import type { ProviderKind, ProviderSettings, SpecialSetting } from '../providers/provider.ts';
import { providerKinds } from '../providers/registry.ts';
import type { Report } from './provider-keys.ts';
import type { ProviderEntry } from './schema-providers.ts';

/** The fields of an entry that only some kinds have a use for, by what they are called in a provider's settings. */
const fields = {
  compat: 'compat',
  api: 'api',
  folderId: 'folder_id',
  app: 'app',
  dataLogging: 'data_logging',
} as const satisfies Record<SpecialSetting, keyof ProviderEntry>;

const specialSettings = Object.keys(fields) as SpecialSetting[];

/** Settings that a kind has no use for would be ignored in silence. `kind` is undefined for the mock. */
export function checkUse(kind: ProviderKind | undefined, entry: ProviderEntry, report: Report): void {
  for (const setting of specialSettings)
    if (entry[fields[setting]] !== undefined && !kind?.settings.includes(setting))
      report(fields[setting], 'has no effect here', `Only these kinds have it: ${kindsWith(setting).join(', ')}.`);
  if (entry.api !== undefined && kind?.settings.includes('api') && !kind.apis.includes(entry.api))
    report('api', 'is no interface of this kind', `Write one of: ${kind.apis.join(', ')}.`);
  if (!kind) checkMock(entry, report);
}

const kindsWith = (setting: SpecialSetting): readonly string[] =>
  [...providerKinds.values()].filter(({ settings }) => settings.includes(setting)).map(({ kind }) => kind);

function checkMock(entry: ProviderEntry, report: Report): void {
  const given: Readonly<Record<string, boolean>> = {
    base_url: entry.base_url !== undefined,
    api_key: entry.api_key !== undefined,
    api_keys: entry.api_keys.length > 0,
    headers: Object.keys(entry.headers).length > 0,
  };
  for (const [field, isGiven] of Object.entries(given))
    if (isGiven) report(field, 'has no effect here', 'Remove it: the mock calls nobody.');
}

type Special = Required<Pick<ProviderSettings, SpecialSetting>>;

/** The special settings in the words of the providers. */
export const specialOf = ({ compat, api, folder_id, app, data_logging }: ProviderEntry): Special => ({
  compat: compat && compatOf(compat),
  api,
  folderId: folder_id,
  app,
  dataLogging: data_logging,
});

const compatOf = (compat: NonNullable<ProviderEntry['compat']>): Special['compat'] => ({
  ...(compat.max_tokens_field !== undefined && { maxTokensField: compat.max_tokens_field }),
  ...(compat.developer_role !== undefined && { developerRole: compat.developer_role }),
  ...(compat.stream_usage !== undefined && { streamUsage: compat.stream_usage }),
  ...(compat.json_schema !== undefined && { jsonSchema: compat.json_schema }),
  ...(compat.json_object !== undefined && { jsonObject: compat.json_object }),
  ...(compat.reasoning_effort !== undefined && { reasoningEffort: compat.reasoning_effort }),
  ...(compat.replay_reasoning !== undefined && { replayReasoning: compat.replay_reasoning }),
});
