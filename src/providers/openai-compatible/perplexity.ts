import { preset } from './preset.ts';

/**
 * Perplexity. It knows JSON by a schema only, and takes neither stop texts nor a seed; streams report usage without
 * being asked. Whether user and assistant have to take turns strictly is not verified.
 *
 * Sources, read 2026-11-21: the npm package @ai-sdk/perplexity 3.0.61; recorded traffic.
 */
export const perplexity = preset({
  kind: 'perplexity',
  baseUrl: 'https://api.perplexity.ai',
  lists: false,
  quirks: { streamUsage: false, jsonObject: false, jsonSchema: true, seedField: 'none', maxStops: 0 },
});
