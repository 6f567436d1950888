import { efforts } from '../dialects/grammar/efforts.ts';
import type { OpenAiChatQuirks } from '../dialects/openai-chat/quirks.ts';
import { openaiChat } from '../dialects/openai-chat.ts';
import type { CompatFlags, ProviderKind } from './provider.ts';

/** Any server that speaks OpenAI's chat format. */
export const openaiCompatible: ProviderKind = {
  kind: 'openai_compatible',
  baseUrl: undefined,
  needsKey: false,
  settings: ['compat'],
  apis: [],
  create: ({ name, baseUrl, headers, compat }) => {
    const quirks = compatQuirks({ ...defaults, ...compat });
    const chat = openaiChat(() => quirks);
    return {
      name,
      telemetryName: telemetryNames.get(name) ?? name,
      baseUrl,
      dialect: () => chat,
      headers: (_, key) => ({ ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers }),
      needsBytes: false,
      requestIdHeader: 'x-request-id',
    };
  },
};

/** What suits most servers. */
const defaults: CompatFlags = {
  maxTokensField: 'max_tokens',
  developerRole: false,
  streamUsage: true,
  jsonSchema: false,
  reasoningEffort: true,
  replayReasoning: false,
};

/** Whatever the flags do not speak of is sent as it is: the server knows best what it takes. */
const compatQuirks = (compat: CompatFlags): OpenAiChatQuirks => ({
  useInstead: undefined,
  maxTokensField: compat.maxTokensField,
  instructions: compat.developerRole ? 'as_given' : 'system',
  streamUsage: compat.streamUsage,
  obfuscation: false,
  jsonSchema: compat.jsonSchema,
  efforts: compat.reasoningEffort ? efforts : [],
  sampling: 'always',
  toolsWithoutReasoning: false,
  maxStops: 16,
  topK: false,
  maxToolCallId: 512,
  replayReasoning: compat.replayReasoning,
  replayReasoningDetails: false,
});

/**
 * OpenTelemetry's names for providers, by the names under which they are likely to be configured.
 *
 * Source: https://github.com/open-telemetry/semantic-conventions-genai, gen_ai.provider.name (2026-11-21).
 */
const telemetryNames: ReadonlyMap<string, string> = new Map([
  ['azure_ai', 'azure.ai.inference'],
  ['azure_openai', 'azure.ai.openai'],
  ['gemini', 'gcp.gemini'],
  ['mistral', 'mistral_ai'],
  ['moonshot', 'moonshot_ai'],
  ['moonshotai', 'moonshot_ai'],
  ['watsonx', 'ibm.watsonx.ai'],
  ['xai', 'x_ai'],
]);
