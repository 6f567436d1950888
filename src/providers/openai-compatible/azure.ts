import { preset } from './preset.ts';

/**
 * Models that Azure serves by its v1 interface: the address is `https://<resource>.openai.azure.com/openai/v1`, and the
 * model is the name of a deployment, which tells nothing of what it can do. Addresses with a deployment in them are not
 * for this.
 *
 * Sources, read 2026-11-21: the npm package @ai-sdk/azure 3.0.128; recorded traffic.
 */
export const azure = preset({
  kind: 'azure',
  baseUrl: undefined,
  telemetryName: () => 'azure.ai.openai',
  sign: (key) => ({ 'api-key': key }),
  lists: false,
  quirks: {
    maxTokensField: 'max_completion_tokens',
    obfuscation: true,
    jsonSchema: true,
    maxStops: 4,
    maxToolCallId: 40,
    promptCacheKey: true,
  },
});
