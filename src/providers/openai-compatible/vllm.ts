import { preset } from './preset.ts';

/**
 * vLLM, on this machine unless another address is configured.
 *
 * Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (2026-11-21).
 */
export const vllm = preset({
  kind: 'vllm',
  baseUrl: 'http://127.0.0.1:8000/v1',
  needsKey: false,
  quirks: { jsonSchema: true, topK: true },
});
