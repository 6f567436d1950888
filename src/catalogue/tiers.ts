import { type Model, ModelLifecycle, type ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { Target } from '../core/target.ts';

/**
 * Finds the models of a tier in a list that is another array whenever it has changed: those that may be called and are
 * still served, in the order of the list. One that its provider's own listing does not have comes behind the others.
 */
export function targetsByTier(list: () => readonly Model[]): (tier: ModelTier) => readonly Target[] {
  let madeOf: readonly Model[] = [];
  let byTier: ReadonlyMap<ModelTier, readonly Model[]> = new Map();
  return (tier) => {
    const models = list();
    if (models !== madeOf) byTier = Map.groupBy(models.filter(isServed), (model) => model.tier);
    madeOf = models;
    return inListedOrder(byTier.get(tier) ?? []).map(({ provider, id }) => ({ provider, model: id }));
  };
}

const isServed = ({ allowed, lifecycle }: Model): boolean => allowed && lifecycle !== ModelLifecycle.RETIRED;

const inListedOrder = (models: readonly Model[]): readonly Model[] =>
  models.toSorted((a, b) => Number(a.listed === false) - Number(b.listed === false));
