import type { OpenAiChatQuirks } from '../../dialects/openai-chat/quirks.ts';
import type { OpenAiResponsesQuirks } from '../../dialects/openai-responses/quirks.ts';
import type { ModelRules } from './models.ts';

/** Said where chat completions were chosen for a model that they do not offer. */
const USE_INSTEAD =
  'it is offered by the Responses API only, and the provider is set to chat. Use another model, such as gpt-6.1-sol';

/** A model by chat completions. */
export const chatQuirks = (rules: ModelRules): OpenAiChatQuirks => ({
  useInstead: rules.responsesOnly ? USE_INSTEAD : undefined,
  maxTokensField: 'max_completion_tokens',
  instructions: rules.instructions,
  streamUsage: true,
  obfuscation: true,
  jsonSchema: true,
  efforts: rules.efforts,
  sampling: rules.sampling,
  toolsWithoutReasoning: rules.toolsWithoutReasoning,
  maxStops: rules.maxStops,
  topK: false,
  promptCacheKey: true,
  ...(rules.cacheBreakpoints ? { cacheMark: 'prompt_cache_breakpoint' } : {}),
  maxToolCallId: 40,
  replayReasoning: false,
  replayReasoningDetails: false,
});

/** A model by the Responses API. */
export const responsesQuirks = (rules: ModelRules): OpenAiResponsesQuirks => ({
  instructions: rules.instructions,
  reasons: rules.reasons,
  efforts: rules.efforts,
  sampling: rules.sampling,
  cacheBreakpoints: rules.cacheBreakpoints,
});
