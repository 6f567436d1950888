import { type ModelAbility, ModelLifecycle, type ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { Price } from './rates.ts';

/** The HTTP interface of its provider under which a model is served. */
export type Endpoint = 'chat' | 'responses' | 'messages' | 'generate';

/** What is known of a model, whoever configured its provider. Limits are in tokens. */
export interface ModelFacts {
  /** Of a built-in row the `kind` of its provider; in a `Catalogue` the name under which that one is configured. */
  readonly provider: string;
  readonly id: string;
  /** Undefined: in no tier. */
  readonly tier: ModelTier | undefined;
  /** Empty: not known. */
  readonly abilities: readonly ModelAbility[];
  /** Input and output together. Undefined: not known. */
  readonly contextWindowTokens: number | undefined;
  /** Undefined: what the context window leaves, or not known. */
  readonly maxInputTokens: number | undefined;
  /** Undefined: not known. */
  readonly maxOutputTokens: number | undefined;
  /** As the row says; `lifecycleOn` tells it for a day. */
  readonly lifecycle: ModelLifecycle;
  /** YYYY-MM-DD. Empty: none was announced. */
  readonly retirementDate: string;
  /** The id of the model that takes its place at the same provider. Undefined: none is known. */
  readonly successor: string | undefined;
  /** Empty: not known. */
  readonly endpoints: readonly Endpoint[];
  /** Undefined: not known, which is not free of charge. */
  readonly price: Price | undefined;
}

export type Limits = Pick<ModelFacts, 'contextWindowTokens' | 'maxInputTokens' | 'maxOutputTokens'>;

export const limits = (contextWindowTokens?: number, maxOutputTokens?: number, maxInputTokens?: number): Limits => ({
  contextWindowTokens,
  maxInputTokens,
  maxOutputTokens,
});

/** Where a model is in its life, and the day it ends. */
export type Life = Pick<ModelFacts, 'lifecycle' | 'retirementDate'>;

export const active: Life = { lifecycle: ModelLifecycle.ACTIVE, retirementDate: '' };
export const endsOn = (date: string): Life => ({ lifecycle: ModelLifecycle.DEPRECATED, retirementDate: date });
/** Without a date: it has ended, and the day is not known. */
export const endedOn = (date: string): Life => ({ lifecycle: ModelLifecycle.RETIRED, retirementDate: date });

/** Where a model is in its life on a day (YYYY-MM-DD): retired from its retirement date on, whatever the row says. */
export const lifecycleOn = (today: string, { lifecycle, retirementDate }: Life): ModelLifecycle =>
  retirementDate !== '' && retirementDate <= today ? ModelLifecycle.RETIRED : lifecycle;
