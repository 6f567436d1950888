import { preset } from './preset.ts';

/**
 * Fireworks AI. That it takes top_k is not verified.
 *
 * Source: the npm package @ai-sdk/fireworks 2.0.90 (2026-11-21).
 */
export const fireworks = preset({
  kind: 'fireworks',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  quirks: { jsonSchema: true, topK: true, promptCacheKey: true },
});
