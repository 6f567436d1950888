import type { Recorded } from './recorded.ts';

export const openrouter: Recorded = {
  broken: {
    // The provider behind it says that its limit of tokens is reached, as an error and not only as a finish reason.
    'openrouter-chat-stream-mid-stream-error-0001': 'upstream_rejected',
    'openrouter-chat-unary-error-in-200-0001': 'upstream_error',
    'openrouter-chat-unary-reasoning-0001': 'upstream_error',
  },
  kinds: {
    'openrouter-chat-error-400-0002': 'upstream_rejected',
    'openrouter-chat-error-400-0003': 'upstream_rejected',
    'openrouter-chat-error-401-0001': 'upstream_auth',
    'openrouter-chat-error-403-0001': 'content_blocked',
    'openrouter-chat-error-404-0001': 'upstream_not_found',
    'openrouter-chat-error-429-0001': 'upstream_rate_limited',
    'openrouter-chat-error-429-0002': 'upstream_rate_limited',
    'openrouter-chat-error-429-0004': 'upstream_rate_limited',
  },
};
