import type { Recorded } from './recorded.ts';

export const responses: Recorded = {
  broken: {},
  kinds: {
    'openai-responses-error-400-0001': 'upstream_rejected',
    'openai-responses-error-400-0003': 'upstream_rejected',
    'openai-responses-error-401-0001': 'upstream_auth',
    'openai-responses-error-500-0001': 'upstream_error',
  },
};
