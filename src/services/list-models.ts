import { create } from '@bufbuild/protobuf';
import { HealthStatus, type ProviderHealth } from '#gen/antiphon/v1/health_pb.js';
import {
  type ListModelsRequest,
  type ListModelsResponse,
  ListModelsResponseSchema,
  type Model,
  ModelAvailability,
} from '#gen/antiphon/v1/model_pb.js';
import type { Caller } from '../core/call.ts';
import { Violations } from './validate/violations.ts';

/** The models as this caller finds them: what its key or team leaves out is not allowed for it. */
export function modelsFor(
  { allowedModels }: Pick<Caller, 'allowedModels'>,
  models: readonly Model[],
): readonly Model[] {
  if (!allowedModels) return models;
  return models.map((model) =>
    model.allowed && !allowedModels({ provider: model.provider, model: model.id })
      ? { ...model, allowed: false }
      : model,
  );
}

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

/** One page of `models`, which are ordered by provider and id. Errors: `invalid_request`. */
export function listModels(models: readonly Model[], request: ListModelsRequest): ListModelsResponse {
  const found = new Violations();
  found.check(request.abilities.length <= 16, 'abilities', 'must have at most 16 entries');
  const after = request.pageToken === '' ? '' : readToken(request.pageToken, found);
  found.throwIfAny();
  const left = models.filter((model) => matches(model, request) && key(model) > after);
  const page = left.slice(0, Math.min(request.pageSize || DEFAULT_PAGE, LARGEST_PAGE));
  const last = page.at(-1);
  const nextPageToken = last && page.length < left.length ? Buffer.from(key(last)).toString('base64url') : '';
  return create(ListModelsResponseSchema, { models: page, nextPageToken });
}

const matches = (model: Model, { provider, tier, abilities, allowedOnly }: ListModelsRequest): boolean =>
  (provider === '' || model.provider === provider) &&
  (tier === 0 || model.tier === tier) &&
  (!allowedOnly || model.allowed) &&
  abilities.every((ability) => model.abilities.includes(ability));

/** Sorts as provider and then id, since a space comes before all that either may begin with. */
const key = ({ provider, id }: Model): string => `${provider} ${id}`;

export const inOrder = (models: readonly Model[]): Model[] => models.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));

/**
 * The models of a list in order, each with the state of its provider at the time it is asked. The list is left as it is;
 * the same array is given until another list or another state is there.
 */
export function liveModels(
  list: () => readonly Model[],
  health: () => readonly Pick<ProviderHealth, 'provider' | 'status'>[],
): () => readonly Model[] {
  let sortedFrom: readonly Model[] | undefined;
  let sorted: readonly Model[] = [];
  let madeOf = '';
  let live: readonly Model[] = [];
  return () => {
    const models = list();
    const states = new Map(health().map(({ provider, status }) => [provider, status]));
    const from = [...states].join();
    if (models === sortedFrom && from === madeOf) return live;
    if (models !== sortedFrom) sorted = inOrder(models);
    sortedFrom = models;
    madeOf = from;
    live = sorted.map((model) => withState(model, states.get(model.provider)));
    return live;
  };
}

const withState = (model: Model, status = HealthStatus.UNSPECIFIED): Model => ({
  ...model,
  availability: availability[status],
});

const availability: Readonly<Record<HealthStatus, ModelAvailability>> = {
  [HealthStatus.UNSPECIFIED]: ModelAvailability.UNSPECIFIED,
  [HealthStatus.SERVING]: ModelAvailability.AVAILABLE,
  [HealthStatus.DEGRADED]: ModelAvailability.DEGRADED,
  [HealthStatus.NOT_SERVING]: ModelAvailability.UNAVAILABLE,
};

function readToken(token: string, found: Violations): string {
  const text = Buffer.from(token, 'base64url').toString();
  const valid = text.includes(' ') && Buffer.from(text).toString('base64url') === token;
  found.check(valid, 'page_token', 'must be a next_page_token, unchanged');
  return text;
}
