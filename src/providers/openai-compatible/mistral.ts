import { preset } from './preset.ts';

/**
 * Mistral. It refuses fields that it does not know; streams report usage without being asked. The ids of tool calls are
 * nine letters and digits, as its own are.
 *
 * Sources, read 2026-11-21: the npm packages @mistralai/mistralai 2.7.0 (models/components/chatcompletionrequest.d.ts),
 * @ai-sdk/mistral 3.0.69 and @earendil-works/pi-ai 0.74.2 (dist/providers/mistral.js); recorded traffic.
 */
export const mistral = preset({
  kind: 'mistral',
  baseUrl: 'https://api.mistral.ai/v1',
  telemetryName: () => 'mistral_ai',
  quirks: {
    streamUsage: false,
    jsonSchema: true,
    seedField: 'random_seed',
    efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'],
    nineLetterIds: true,
    promptCacheKey: true,
  },
});
