import { preset } from './preset.ts';

/**
 * xAI. Of its models only grok-3-mini is known to take a reasoning effort; grok-code-fast-1 refuses a request with one.
 *
 * Sources, read 2026-11-21: the npm package @ai-sdk/xai 3.0.138; recorded traffic.
 */
export const xai = preset({
  kind: 'xai',
  baseUrl: 'https://api.x.ai/v1',
  telemetryName: () => 'x_ai',
  quirks: (model) => ({
    maxTokensField: 'max_completion_tokens',
    jsonSchema: true,
    maxStops: 0,
    efforts: /^grok-3-mini/.test(model) ? ['low', 'high'] : [],
    replayReasoning: true,
    reasoningOutsideOutput: true,
  }),
});
