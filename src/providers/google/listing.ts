import { asArray, asCount, asObject, asString } from '../../core/json.ts';
import type { ListedModel } from '../../core/listed-model.ts';
import type { Listing } from '../provider.ts';

const PATH = '/models?pageSize=1000';

/** The models that can be called by this interface. Source: the npm package @google/genai 3.1.0 (2026-11-21). */
export const listing: Listing = {
  path: PATH,
  read: (body) => {
    const page = asObject(body);
    const token = asString(page?.nextPageToken).toWellFormed();
    return {
      models: asArray(page?.models).flatMap(listedModel),
      next: token === '' ? undefined : `${PATH}&pageToken=${encodeURIComponent(token)}`,
    };
  },
};

function listedModel(value: unknown): ListedModel[] {
  const model = asObject(value);
  const id = asString(model?.name).replace(/^models\//, '');
  if (!model || id === '' || !asArray(model.supportedGenerationMethods).includes('generateContent')) return [];
  const maxInputTokens = asCount(model.inputTokenLimit);
  const maxOutputTokens = asCount(model.outputTokenLimit);
  return [
    {
      id,
      ...(maxInputTokens === undefined ? {} : { maxInputTokens }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    },
  ];
}
