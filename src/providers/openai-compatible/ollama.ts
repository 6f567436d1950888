import { preset } from './preset.ts';

/**
 * Ollama, on this machine unless another address is configured. The cloud at https://ollama.com/v1 wants a key.
 *
 * Sources, read 2026-11-21: https://docs.ollama.com/api/openai-compatibility; recorded traffic.
 */
export const ollama = preset({
  kind: 'ollama',
  baseUrl: 'http://127.0.0.1:11434/v1',
  needsKey: false,
  quirks: { jsonSchema: true },
});
