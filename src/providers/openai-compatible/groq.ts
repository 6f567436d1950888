import type { Effort } from '../../dialects/grammar/efforts.ts';
import { preset } from './preset.ts';

/**
 * Groq. Only some of its models take a reasoning effort; qwen3-32b knows only on and off, which no effort says.
 *
 * Sources, read 2026-11-21: the npm packages groq-sdk 1.6.0 (resources/chat/completions.d.ts) and @ai-sdk/groq 3.0.71.
 */
export const groq = preset({
  kind: 'groq',
  baseUrl: 'https://api.groq.com/openai/v1',
  quirks: (model) => ({
    maxTokensField: 'max_completion_tokens',
    jsonSchema: true,
    maxStops: 4,
    efforts: efforts.find(([pattern]) => pattern.test(model))?.[1] ?? [],
  }),
});

/** The first row that fits counts. */
const efforts: readonly (readonly [RegExp, readonly Effort[]])[] = [
  [/gpt-oss/, ['low', 'medium', 'high']],
  [/qwen3\.8-27b/, ['none', 'low', 'medium', 'high']],
];
