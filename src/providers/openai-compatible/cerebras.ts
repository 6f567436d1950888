import { preset } from './preset.ts';

/**
 * Cerebras. That only gpt-oss takes a reasoning effort is not verified.
 *
 * Sources, read 2026-11-21: the npm packages @ai-sdk/cerebras 2.0.82 and @earendil-works/pi-ai 0.74.2
 * (dist/providers/openai-completions.js); recorded traffic.
 */
export const cerebras = preset({
  kind: 'cerebras',
  baseUrl: 'https://api.cerebras.ai/v1',
  quirks: (model) => ({
    maxTokensField: 'max_completion_tokens',
    jsonSchema: true,
    efforts: model.includes('gpt-oss') ? ['low', 'medium', 'high'] : [],
  }),
});
