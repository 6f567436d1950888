import type { Recorded } from './recorded.ts';

export const openai: Recorded = {
  broken: {
    'groq-chat-stream-mid-stream-error-0001': 'upstream_rejected',
    'snowflake-chat-stream-logprobs-0002': 'upstream_incomplete',
  },
  kinds: {
    'openai-chat-error-400-0002': 'upstream_rejected',
    'openai-chat-error-401-0001': 'upstream_auth',
    'openai-chat-error-401-0002': 'upstream_auth',
    'openai-chat-error-404-0002': 'upstream_not_found',
    'openai-chat-error-429-0001': 'context_length_exceeded',
    'openai-chat-error-429-0002': 'context_length_exceeded',
    'openai-chat-error-503-0001': 'upstream_overloaded',
    'azure-ai-chat-error-429-0001': 'upstream_rate_limited',
    'azure-ai-chat-error-500-0001': 'upstream_error',
    'azure-openai-chat-error-404-0001': 'upstream_not_found',
    'azure-openai-chat-error-429-0002': 'upstream_rate_limited',
    'deepseek-chat-error-400-0001': 'context_length_exceeded',
    'groq-chat-error-401-0001': 'upstream_auth',
    'groq-chat-error-404-0001': 'upstream_not_found',
    'groq-chat-error-429-0001': 'upstream_rate_limited',
    'mistral-chat-error-401-0001': 'upstream_auth',
    'mistral-chat-error-500-0001': 'upstream_error',
    'ollama-chat-error-400-0001': 'context_length_exceeded',
    'perplexity-chat-error-400-0001': 'context_length_exceeded',
    'together-chat-error-500-0001': 'upstream_error',
    'xai-chat-error-400-0001': 'upstream_rejected',
    'zai-chat-error-429-0001': 'upstream_rate_limited',
  },
};
