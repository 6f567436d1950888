import { asArray, asObject, asString } from '../../core/json.ts';
import type { ListedModel } from '../../core/listed-model.ts';
import type { Listing } from '../provider.ts';

/**
 * Reads OpenAI's listing, which is one page of ids and says nothing of limits and prices.
 *
 * Source: openai 7.55.0, resources/models.d.ts (2026-11-21).
 */
export const readListing: Listing['read'] = (body) => ({
  models: asArray(asObject(body)?.data).flatMap(listed),
  next: undefined,
});

function listed(value: unknown): ListedModel[] {
  const model = asObject(value);
  const id = asString(model?.id).toWellFormed();
  const [date] = /^\d{4}-\d\d-\d\d/.exec(asString(model?.shutdown_date)) ?? [];
  return id === '' ? [] : [{ id, ...(date === undefined ? {} : { retirementDate: date }) }];
}
