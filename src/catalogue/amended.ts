import { ModelLifecycle } from '#gen/antiphon/v1/model_pb.js';
import { limits, type ModelFacts } from './facts.ts';
import type { ModelOverride } from './override.ts';
import { Shelf } from './shelf.ts';

/** What replaces or adds something to the facts of models, by id. */
export type Amendments = ReadonlyMap<string, ModelOverride>;

/**
 * A shelf with amendments, under the name by which its provider is configured. Later ones win over earlier ones. What is
 * said of a model holds for its versions too, but for the tier, and unless they are on the shelf themselves.
 */
export function amended(shelf: Shelf, provider: string, amendments: readonly Amendments[]): Shelf {
  const own = new Map(shelf.models.map((facts) => [facts.id, facts]));
  const ids = new Set([...own.keys(), ...amendments.flatMap((each) => [...each.keys()])]);
  const models = [...ids].map((id) => {
    const facts = own.get(id);
    const model = shelf.withoutVersion(id);
    const said = amendments.flatMap((each) => [facts ? undefined : withoutTier(each.get(model)), each.get(id)]);
    const fresh: ModelFacts = { ...(facts ?? versionOf(shelf.find(id), id)), provider };
    return said.reduce<ModelFacts>((before, fields) => Object.assign(before, fields), fresh);
  });
  return new Shelf(models, shelf.versionSuffix);
}

const withoutTier = ({ tier, ...rest }: ModelOverride = {}): ModelOverride => rest;

const versionOf = (facts: ModelFacts | undefined, id: string): ModelFacts =>
  facts ? { ...facts, id, tier: undefined } : unheardOf(id);

const unheardOf = (id: string): ModelFacts => ({
  provider: '',
  id,
  tier: undefined,
  abilities: [],
  ...limits(),
  lifecycle: ModelLifecycle.ACTIVE,
  retirementDate: '',
  successor: undefined,
  endpoints: [],
  price: undefined,
});
