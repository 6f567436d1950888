import { efforts, type OpenAiChatQuirks } from '../dialects/openai-chat/quirks.ts';
import { openaiChat } from '../dialects/openai-chat.ts';
import type { Provider } from './provider.ts';

/** What a server that speaks OpenAI's chat format differs in. */
export interface CompatFlags {
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Takes the role `developer`; otherwise it gets `system`. */
  readonly developerRole: boolean;
  /** Takes `stream_options.include_usage`. */
  readonly streamUsage: boolean;
  /** Takes `response_format` json_schema; otherwise it gets json_object and a warning. */
  readonly jsonSchema: boolean;
  /** Takes `reasoning_effort`. */
  readonly reasoningEffort: boolean;
  /** Wants the reasoning of earlier assistant messages back as `reasoning_content`. */
  readonly replayReasoning: boolean;
}

export interface OpenAiCompatibleConfig {
  readonly name: string;
  /** Usually with the version: `https://api.example.com/v1`. */
  readonly baseUrl: URL;
  /** Undefined: requests are not signed. */
  readonly apiKey: string | undefined;
  /** Sent with every request, and over the provider's own. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly compat: CompatFlags;
}

/** Any server that speaks OpenAI's chat format. */
export function openaiCompatibleProvider(config: OpenAiCompatibleConfig): Provider {
  const { name, baseUrl, apiKey } = config;
  const quirks = compatQuirks(config.compat);
  const headers = { ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }), ...config.headers };
  return {
    name,
    telemetryName: telemetryNames.get(name) ?? name,
    baseUrl,
    dialect: openaiChat(() => quirks),
    headers: () => headers,
    requestIdHeader: 'x-request-id',
  };
}

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
