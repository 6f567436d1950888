import type { JsonObject } from '@bufbuild/protobuf';
import { type PromptCaching, routedByKey } from '../core/prompt-caching.ts';
import { efforts } from '../dialects/grammar/efforts.ts';
import type { OpenAiChatQuirks } from '../dialects/openai-chat/quirks.ts';
import { openaiChat } from '../dialects/openai-chat.ts';
import { readModels } from './openrouter/listing.ts';
import type { CallIds, ProviderKind } from './provider.ts';

/**
 * OpenRouter: many providers behind one address.
 *
 * Sources, read 2026-11-21: the npm package @openrouter/sdk 1.3.19 (esm/models/chatrequest and traceconfig,
 * esm/funcs/chatSend) and https://github.com/OpenRouterTeam/docs, api/reference.
 */
export const openrouter: ProviderKind = {
  kind: 'openrouter',
  baseUrl: 'https://openrouter.ai/api/v1',
  needsKey: true,
  settings: ['app'],
  apis: [],
  create: ({ name, baseUrl, headers, app }) => {
    const chat = openaiChat(() => quirks);
    return {
      name,
      telemetryName: 'openrouter',
      baseUrl,
      dialect: () => chat,
      headers: (_, key) => ({
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(app?.url ? { 'http-referer': app.url } : {}),
        ...(app?.title ? { 'x-openrouter-title': app.title } : {}),
        ...headers,
      }),
      bodyFields: callFields,
      promptCaching: (model) => (model.startsWith('anthropic/') ? marked : routedByKey),
      requestIdHeader: 'x-generation-id',
      listing: { path: '/models', read: (body) => ({ models: readModels(body), next: undefined }) },
    };
  },
};

/** What the models of others keep, they keep without being told. Marks go on text only. */
const marked: PromptCaching = {
  ...routedByKey,
  marks: { minTokens: 1024, ttlMs: 5 * 60_000, parts: new Set(['text']) },
};

/** Whatever a model lacks, OpenRouter drops itself. Usage and cost come without being asked for. */
const quirks: OpenAiChatQuirks = {
  useInstead: undefined,
  maxTokensField: 'max_tokens',
  instructions: 'system',
  streamUsage: false,
  obfuscation: false,
  jsonSchema: true,
  efforts,
  sampling: 'always',
  toolsWithoutReasoning: false,
  maxStops: 4,
  topK: true,
  maxToolCallId: 128,
  replayReasoning: false,
  replayReasoningDetails: true,
  reasoningField: 'reasoning',
  reportedCost: true,
  cacheMark: 'cache_control',
  promptCacheKey: true,
  audioFormats: ['wav', 'mp3', 'flac', 'ogg', 'aac', 'aiff', 'm4a'],
  documents: 'data_or_url',
  refusalsAsText: true,
  alsoOwned: [
    'prompt_cache_key',
    'session_id',
    'trace',
    'reasoning.effort',
    'reasoning.max_tokens',
    'reasoning.enabled',
  ],
};

const MAX_SESSION_CHARACTERS = 128;

/** Calls of one session go to the same provider, where its prompt cache is. */
function callFields({ sessionId, traceId, sourceAgent }: CallIds): JsonObject {
  const trace: JsonObject = {
    ...(traceId === '' ? {} : { trace_id: traceId }),
    ...(sourceAgent === '' ? {} : { generation_name: sourceAgent }),
  };
  return {
    ...(sessionId === '' ? {} : { session_id: sessionId.slice(0, MAX_SESSION_CHARACTERS) }),
    ...(Object.keys(trace).length === 0 ? {} : { trace }),
  };
}
