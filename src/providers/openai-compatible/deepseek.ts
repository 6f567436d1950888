import { preset } from './preset.ts';

/**
 * DeepSeek. It knows JSON without a schema only. While it thinks about the results of tools, it wants its earlier
 * reasoning back.
 *
 * Sources, read 2026-11-21: the npm packages @ai-sdk/deepseek 2.0.69 and @earendil-works/pi-ai 0.74.2
 * (dist/providers/openai-completions.js); recorded traffic.
 */
export const deepseek = preset({
  kind: 'deepseek',
  baseUrl: 'https://api.deepseek.com',
  quirks: { seedField: 'none', efforts: ['low', 'high', 'max'], replayReasoning: true },
});
