import type { Recorded } from './recorded.ts';

export const google: Recorded = {
  broken: {},
  kinds: {
    'google-generate-error-400-0001': 'upstream_rejected',
    'google-generate-error-400-0003': 'upstream_rejected',
    'google-generate-error-404-0001': 'upstream_not_found',
    'google-generate-error-404-0003': 'upstream_not_found',
    'google-generate-error-404-0004': 'upstream_not_found',
    'google-generate-error-404-0005': 'upstream_not_found',
    'google-generate-error-429-0001': 'upstream_rate_limited',
    'google-generate-error-503-0001': 'upstream_overloaded',
  },
};
