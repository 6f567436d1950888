import { asArray, asCount, asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { ListedModel } from '../../core/listed-model.ts';

/** Models that give text. Source: the npm package @openrouter/sdk 1.3.19, esm/models/model (2026-11-21). */
export const readModels = (body: unknown): ListedModel[] =>
  asArray(asObject(body)?.data).flatMap((model) => readModel(asObject(model) ?? {}));

function readModel(model: UnknownObject): ListedModel[] {
  const id = asString(model.id);
  const gives = asArray(asObject(model.architecture)?.output_modalities);
  if (id === '' || (gives.length > 0 && !gives.includes('text'))) return [];
  const window = asCount(model.context_length);
  const output = asCount(asObject(model.top_provider)?.max_completion_tokens);
  const retirementDate = asString(model.expiration_date).match(/^\d{4}-\d{2}-\d{2}/)?.[0];
  const price = readPrice(asObject(model.pricing) ?? {});
  return [
    {
      id,
      ...(window ? { contextWindowTokens: window } : {}),
      ...(output ? { maxOutputTokens: output } : {}),
      ...(retirementDate ? { retirementDate } : {}),
      ...(price ? { price } : {}),
    },
  ];
}

/** Undefined also for a model that costs something per request: the price of its tokens alone would be wrong. */
function readPrice(pricing: UnknownObject): ListedModel['price'] {
  const input = perMillion(pricing.prompt);
  const output = perMillion(pricing.completion);
  if (input === undefined || output === undefined || (perMillion(pricing.request) ?? 0) > 0) return undefined;
  const cachedInput = perMillion(pricing.input_cache_read);
  const cacheWrite = perMillion(pricing.input_cache_write);
  return { input, output, ...(cachedInput ? { cachedInput } : {}), ...(cacheWrite ? { cacheWrite } : {}) };
}

/**
 * The text of dollars per token, as dollars per million: by its exponent, since a product would not be exact. A negative
 * one stands for a price that varies.
 */
function perMillion(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.trim() === '') return undefined;
  const [digits, exponent = '0'] = text.toLowerCase().split('e');
  const price = Number(`${digits}e${Number(exponent) + 6}`);
  return price >= 0 && Number.isFinite(price) ? price : undefined;
}
