import { preset } from './preset.ts';

/**
 * Together AI. Its switch for reasoning is another one, so that no effort is sent.
 *
 * Sources, read 2026-11-21: the npm packages @ai-sdk/togetherai 2.0.84 and @earendil-works/pi-ai 0.74.2
 * (dist/providers/openai-completions.js); recorded traffic for top_k.
 */
export const together = preset({
  kind: 'together',
  baseUrl: 'https://api.together.xyz/v1',
  quirks: { topK: true, efforts: [] },
});
