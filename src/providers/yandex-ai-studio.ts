import { asArray, asObject, asString } from '../core/json.ts';
import type { ListedModel } from '../core/listed-model.ts';
import { openaiChat } from '../dialects/openai-chat.ts';
import type { ModelNames } from '../dialects/yandex-foundation/model-names.ts';
import { yandexFoundation } from '../dialects/yandex-foundation.ts';
import type { Listing, Provider, ProviderKind, ProviderSettings } from './provider.ts';
import { chatQuirks } from './yandex-ai-studio/chat-quirks.ts';
import { modelNames } from './yandex-ai-studio/model-names.ts';

const CHAT_ADDRESS = 'https://ai.api.cloud.yandex.net/v1';
const NATIVE_ADDRESS = 'https://llm.api.cloud.yandex.net/foundationModels/v1';

/**
 * Yandex AI Studio: its OpenAI-compatible interface, or by `api: native` its own. A folder is required.
 *
 * Source: https://github.com/yandex-cloud/docs, en/ai-studio: concepts/openai-compatibility.md and
 * api-ref/support-headers.md (2026-11-21).
 */
export const yandexAiStudio: ProviderKind = {
  kind: 'yandex_ai_studio',
  baseUrl: CHAT_ADDRESS,
  needsKey: true,
  settings: ['api', 'folderId', 'dataLogging'],
  apis: ['chat', 'native'],
  variables: { keys: ['YANDEX_API_KEY', 'YANDEX_IAM_TOKEN'], folderId: 'YANDEX_FOLDER_ID' },
  create: (settings) => {
    const { folderId } = settings;
    if (!folderId) throw new Error('A provider of the kind yandex_ai_studio needs a folderId.');
    const names = modelNames(folderId);
    return settings.api === 'native' ? native(settings, folderId, names) : chat(settings, folderId, names);
  },
};

/** Takes an API key or an IAM token by the same word. Images go as data: not every model fetches them. */
function chat(settings: ProviderSettings, folderId: string, names: ModelNames): Provider {
  const dialect = openaiChat((model) => chatQuirks(names, model));
  return {
    ...common(settings),
    baseUrl: settings.baseUrl,
    dialect: () => dialect,
    headers: ({ callId }, key) => ({
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      'openai-project': folderId,
      ...askedOfEveryCall(callId, settings),
    }),
    wantsBytes: () => true,
    listing: listing(names),
  };
}

/** The folder goes with an IAM token only: a service account's key has one already. */
function native(settings: ProviderSettings, folderId: string, names: ModelNames): Provider {
  const dialect = yandexFoundation(names);
  const isDefault = settings.baseUrl.href === new URL(CHAT_ADDRESS).href;
  return {
    ...common(settings),
    baseUrl: isDefault ? new URL(NATIVE_ADDRESS) : settings.baseUrl,
    dialect: () => dialect,
    headers: ({ callId }, key) => ({
      ...(key === undefined ? {} : { authorization: isIamToken(key) ? `Bearer ${key}` : `Api-Key ${key}` }),
      ...(key !== undefined && isIamToken(key) ? { 'x-folder-id': folderId } : {}),
      ...askedOfEveryCall(callId, settings),
    }),
  };
}

const common = ({ name }: ProviderSettings) => ({
  name,
  telemetryName: 'yandex_ai_studio',
  requestIdHeader: 'x-request-id',
});

const isIamToken = (key: string): boolean => key.startsWith('t1.');

/** The provider keeps prompts unless it is asked not to. */
const askedOfEveryCall = (callId: string, { dataLogging, headers }: ProviderSettings) => ({
  'x-client-request-id': callId,
  ...(dataLogging ? {} : { 'x-data-logging-enabled': 'false' }),
  ...headers,
});

/** It tells the names only, and those of other kinds of model too. */
const listing = (names: ModelNames): Listing => ({
  path: '/models',
  read: (body) => {
    const uris = asArray(asObject(body)?.data).map((model) => asString(asObject(model)?.id));
    const ids = new Set(uris.filter((uri) => uri.startsWith('gpt://')).map(names.short));
    return { models: [...ids].map((id): ListedModel => ({ id })), next: undefined };
  },
});
