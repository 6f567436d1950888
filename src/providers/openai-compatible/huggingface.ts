import { preset } from './preset.ts';

/**
 * The router of Hugging Face, which passes requests on to whoever serves the model: what is taken is theirs to say.
 *
 * Sources, read 2026-11-21: the npm package @ai-sdk/huggingface 1.0.77; recorded traffic.
 */
export const huggingface = preset({ kind: 'huggingface', baseUrl: 'https://router.huggingface.co/v1' });
