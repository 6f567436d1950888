import type { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import type { Policy, Route } from '../core/policy.ts';

/** Which calls a rule is for. Everything that is set must match; a list matches by any of its entries. */
export interface RuleMatch {
  readonly requestTypes: readonly string[] | undefined;
  readonly sourceAgents: readonly string[] | undefined;
  /** Names of callers' teams. */
  readonly teams: readonly string[] | undefined;
  /** Every one of these labels must have this value. */
  readonly labels: Readonly<Record<string, string>>;
  /** Patterns of the model that the request names. Undefined: any, or none. */
  readonly models: readonly string[] | undefined;
}

export interface Rule {
  readonly match: RuleMatch;
  readonly policy: Policy;
}

/** How models are chosen. All targets are at providers that are on, and allowed. */
export interface RoutingSettings {
  /** The first that matches counts. */
  readonly rules: readonly Rule[];
  /** By name: what a request may name as its model. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Where a tier goes. One that is not here goes to the models that the catalogue has in it. */
  readonly tiers: ReadonlyMap<ModelTier, Route>;
  readonly complexity: ReadonlyMap<TaskComplexity, ModelTier>;
  /** The providers that go first where several have a model, best first. */
  readonly providerOrder: readonly string[];
}

export const noRouting: RoutingSettings = {
  rules: [],
  routes: new Map(),
  tiers: new Map(),
  complexity: new Map(),
  providerOrder: [],
};
