import { asArray, asCount, asObject, asString } from '../../core/json.ts';
import type { ListedModel } from '../../core/listed-model.ts';
import type { Listing } from '../provider.ts';

/** What servers call the most tokens of input and output together. */
const WINDOWS = ['max_context_length', 'context_window', 'context_length', 'max_model_len'];

/**
 * The list of models as most servers give it: `{data: [{id}]}` or the list alone. Some tell of the context window.
 *
 * Sources: recorded traffic of Cerebras, DeepSeek, Mistral, Ollama and xAI; the npm package groq-sdk 1.6.0
 * (resources/models.d.ts) and https://docs.vllm.ai for the other names (2026-11-21). The list alone is not verified.
 */
export const listing: Listing = {
  path: '/models',
  read: (body) => ({
    models: (Array.isArray(body) ? body : asArray(asObject(body)?.data)).flatMap(listed),
    next: undefined,
  }),
};

function listed(value: unknown): ListedModel[] {
  const model = asObject(value) ?? {};
  const id = asString(model.id).toWellFormed();
  const window = WINDOWS.map((name) => asCount(model[name])).find(Boolean);
  return id === '' ? [] : [{ id, ...(window ? { contextWindowTokens: window } : {}) }];
}
