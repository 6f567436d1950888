import { asArray, asCount, asObject, asString } from '../../core/json.ts';
import type { ListedModel } from '../../core/listed-model.ts';
import type { Listing } from '../provider.ts';

const PATH = '/models?limit=1000';

/** `GET /models`. Source: the npm package @anthropic-ai/sdk 1.11.0, resources/models.d.ts (2026-11-21). */
export const listing: Listing = {
  path: PATH,
  read: (body) => {
    const page = asObject(body) ?? {};
    const last = asString(page.last_id);
    return {
      models: asArray(page.data).flatMap(listedModel),
      next: page.has_more === true && last !== '' ? `${PATH}&after_id=${encodeURIComponent(last)}` : undefined,
    };
  },
};

function listedModel(value: unknown): ListedModel[] {
  const model = asObject(value) ?? {};
  const id = asString(model.id);
  const input = asCount(model.max_input_tokens);
  const output = asCount(model.max_tokens);
  const retires = /^\d{4}-\d\d-\d\d(?=T|$)/.exec(asString(model.retires_at))?.[0];
  if (id === '') return [];
  return [
    {
      id,
      ...(input === undefined ? {} : { maxInputTokens: input }),
      ...(output === undefined ? {} : { maxOutputTokens: output }),
      ...(retires === undefined ? {} : { retirementDate: retires }),
    },
  ];
}
