import type { OpenAiChatQuirks } from '../../dialects/openai-chat/quirks.ts';
import type { ModelNames } from '../../dialects/yandex-foundation/model-names.ts';

/**
 * What a model takes by the OpenAI-compatible interface.
 *
 * Source: https://github.com/yandex-cloud/docs, en/ai-studio/concepts/openai-compatibility.md,
 * chat/createChatCompletion.md and concepts/generation/chain-of-thought.md (2026-11-21).
 */
export const chatQuirks = (names: ModelNames, model: string): OpenAiChatQuirks => ({
  useInstead: undefined,
  maxTokensField: 'max_tokens',
  instructions: 'system',
  streamUsage: false,
  obfuscation: false,
  jsonSchema: true,
  efforts: takesEffort.test(names.short(model)) ? ['low', 'medium', 'high'] : [],
  sampling: 'always',
  maxTemperature: 1,
  toolsWithoutReasoning: false,
  maxStops: 0,
  topK: false,
  seedField: 'none',
  maxToolCallId: 256,
  requiredTool: 'none',
  audioFormats: [],
  documents: 'none',
  refusalsAsText: true,
  replayReasoning: false,
  replayReasoningDetails: false,
  wireModel: names.uri,
  shortModel: names.short,
});

const takesEffort = /^gpt-oss-/;
