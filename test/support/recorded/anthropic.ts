import type { Recorded } from './recorded.ts';

export const anthropic: Recorded = {
  broken: {
    'anthropic-messages-stream-mid-stream-error-0001': 'upstream_overloaded',
    'anthropic-messages-stream-mid-stream-error-0002': 'upstream_overloaded',
  },
  kinds: {
    'anthropic-messages-error-400-0001': 'context_length_exceeded',
    'anthropic-messages-error-401-0001': 'upstream_auth',
    'anthropic-messages-error-404-0002': 'upstream_not_found',
    'anthropic-messages-error-404-0003': 'upstream_not_found',
    'anthropic-messages-error-429-0001': 'upstream_rate_limited',
    'anthropic-messages-error-429-0003': 'upstream_rate_limited',
    'anthropic-messages-error-500-0001': 'upstream_error',
    'anthropic-messages-error-529-0001': 'upstream_overloaded',
  },
};
