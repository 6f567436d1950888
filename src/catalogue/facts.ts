import { type ModelAbility, ModelLifecycle, type ModelTier } from '#gen/antiphon/v1/model_pb.js';

/** The HTTP interface of its provider under which a model is served. */
export type Endpoint = 'chat' | 'responses';

/** What is known of a model, whoever configured its provider. Prices are not part of it yet. */
export interface ModelFacts {
  /** The catalogue's provider, which is the `kind` of a configured one. */
  readonly provider: string;
  readonly id: string;
  /** Undefined: in no tier. */
  readonly tier: ModelTier | undefined;
  /** Empty: not known. */
  readonly abilities: readonly ModelAbility[];
  /** Input and output together. Undefined: not known. */
  readonly contextWindowTokens: number | undefined;
  /** Undefined: not known. */
  readonly maxOutputTokens: number | undefined;
  readonly lifecycle: ModelLifecycle;
  /** YYYY-MM-DD. Empty: none was announced. */
  readonly retirementDate: string;
  readonly endpoints: readonly Endpoint[];
}

/** Where a model is in its life, and the day it ends. */
export type Life = Pick<ModelFacts, 'lifecycle' | 'retirementDate'>;

export const active: Life = { lifecycle: ModelLifecycle.ACTIVE, retirementDate: '' };
export const endsOn = (date: string): Life => ({ lifecycle: ModelLifecycle.DEPRECATED, retirementDate: date });
export const endedOn = (date: string): Life => ({ lifecycle: ModelLifecycle.RETIRED, retirementDate: date });
