import type { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { Target } from './target.ts';

/** What goes first where there is too little room, and what is refused first. */
export type Priority = 'low' | 'normal' | 'high';

/** Lowest first. */
export const priorities: readonly Priority[] = ['low', 'normal', 'high'];

/** How one of several targets is chosen. */
export type Strategy = 'priority' | 'weighted' | 'round_robin' | 'least_cost' | 'least_latency' | 'least_busy';

export interface WeightedTarget extends Target {
  /** Its share of the calls, against those of the others. Only for `weighted`. */
  readonly weight: number;
}

/** Several targets, and how one of them is chosen. The others follow it if it fails. */
export interface Route {
  /** The name in the configuration; safe to show. */
  readonly name: string;
  /** Never empty. */
  readonly targets: readonly WeightedTarget[];
  readonly strategy: Strategy;
  /** Calls of one session go to one target, as long as it can be used. */
  readonly sticky: boolean;
}

/**
 * Sends a share of the calls to another target first. As with a route, calls that name a model are in it only if the
 * rule is about models.
 */
export interface Canary {
  readonly to: Target;
  /** From 0 to 1. A session is in it, or is not, as a whole. */
  readonly share: number;
}

/** Sends another try after a while, without breaking off the first: the first to answer wins. */
export interface Hedging {
  /** How long a try may be without an answer, or without a first token. */
  readonly afterMs: number;
  /** The most further tries. */
  readonly max: number;
}

export type EscalationCause = 'truncated' | 'refused' | 'empty' | 'schema';

/** Asks stronger models if an answer is not good enough. */
export interface Escalation {
  readonly on: readonly EscalationCause[];
  readonly to: readonly Target[];
  /** In the place of `to`: whatever models are in a tier of the catalogue when a call comes. */
  readonly tier?: ModelTier | undefined;
}

/** Sends a copy of some calls to another target, whose answers nobody gets. */
export interface Shadowing {
  readonly to: Target;
  /** From 0 to 1. */
  readonly share: number;
}

/**
 * What is done with a request that does not fit into the context of its model: it is refused, the oldest messages are left
 * out, or `max_tokens` is lowered.
 */
export type ContextAction = 'reject' | 'trim_oldest' | 'clamp_max_tokens';

/** How long a try may take, in milliseconds. */
export interface TryLimits {
  readonly connectMs: number;
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  readonly streamTotalMs: number;
  readonly stallMs: number;
}

/** What the operator's rules say of a call. What they do not say is undefined. */
export interface Policy {
  /** The name of the rule, safe to show. Undefined: none matched. */
  readonly rule: string | undefined;
  readonly priority: Priority | undefined;
  readonly limits: Partial<TryLimits>;
  /** Where calls go that name no model, or a model that the rule is about. */
  readonly route: Route | undefined;
  /** In the place of a route: as if the request had asked for a tier. */
  readonly tier: ModelTier | undefined;
  /** Tried after all that was chosen. */
  readonly fallbacks: readonly Target[];
  readonly canary: Canary | undefined;
  readonly hedging: Hedging | undefined;
  readonly escalation: Escalation | undefined;
  readonly shadowing: Shadowing | undefined;
  readonly cacheTtlMs: number | undefined;
  /** Empty: nothing is done. `reject` stands alone. */
  readonly context: readonly ContextAction[];
  /** `auto`: providers are told what to keep in their prompt caches, where the caller does not say so. */
  readonly promptCache: 'auto' | undefined;
}

export const noPolicy: Policy = {
  rule: undefined,
  priority: undefined,
  limits: {},
  route: undefined,
  tier: undefined,
  fallbacks: [],
  canary: undefined,
  hedging: undefined,
  escalation: undefined,
  shadowing: undefined,
  cacheTtlMs: undefined,
  context: [],
  promptCache: undefined,
};
