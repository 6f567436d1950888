import { create } from '@bufbuild/protobuf';
import { ListModelsRequestSchema, type Model } from '#gen/antiphon/v1/model_pb.js';
import { GatewayError } from '../../core/errors.ts';
import type { Inbound, LlmService } from '../../services/service.ts';

/** The most that the service gives at once. */
const PAGE = 1_000;

/** A model, as OpenAI lists them. */
export const modelBody = ({ provider, id }: Pick<Model, 'provider' | 'id'>) => ({
  id: `${provider}/${id}`,
  object: 'model',
  // Nobody tells: not even OpenAI, of the models of others.
  created: 0,
  owned_by: provider,
});

export const modelsBody = (models: readonly Model[]) => ({ object: 'list', data: models.map(modelBody) });

/** All that may be called here and now. */
export async function allowedModels(service: LlmService, inbound: Inbound): Promise<readonly Model[]> {
  const models: Model[] = [];
  let pageToken = '';
  do {
    const page = create(ListModelsRequestSchema, { allowedOnly: true, pageSize: PAGE, pageToken });
    const listed = await service.listModels(page, inbound);
    models.push(...listed.models);
    pageToken = listed.nextPageToken;
  } while (pageToken !== '');
  return models;
}

/** The model of this name: "provider/id", or an id alone; percent-encoded. Errors: `model_not_found`. */
export function namedModel(models: readonly Model[], encoded: string): Model {
  const name = decoded(encoded);
  const found = models.find(({ provider, id }) => `${provider}/${id}` === name) ?? models.find(({ id }) => id === name);
  if (!found)
    throw new GatewayError('model_not_found', 'There is no model of this name here. GET /v1/models lists them.');
  return found;
}

/** Clients encode the slash in a name, or do not. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
