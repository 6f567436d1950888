import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import type { Directory } from '../catalogue/directory.ts';
import type { Call } from '../core/call.ts';
import { GatewayError } from '../core/errors.ts';
import type { Route } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import type { RoutingSettings } from './settings.ts';
import { isKept } from './strategies.ts';

/** Where something leads, before governance and before one of several targets is chosen. */
export interface Goal {
  /** Never empty. */
  readonly targets: readonly Target[];
  /** How one of them is chosen. Undefined: as they stand, since the request names the model. */
  readonly route: Route | undefined;
  /** In words of the configuration and of the gateway only. */
  readonly reason: string;
}

/** What of a call was decisive. */
export type Decider = 'rule' | 'model' | 'tier' | 'complexity' | 'default';

export interface GoalOptions {
  readonly settings: Pick<RoutingSettings, 'routes' | 'tiers' | 'complexity'>;
  readonly models: Pick<Directory, 'resolve' | 'ofTier'>;
  /** The names of the answers that need no model. */
  readonly fallbackAnswers?: Pick<ReadonlySet<string>, 'has'> | undefined;
}

export interface Goals {
  /** Where a call is to go. Errors: `model_not_found`, `provider_not_configured`, `invalid_request`. */
  of(call: Call): Goal & { readonly by: Decider };
  /** Where a model's name leads, for a call of this session. Errors: as of `of`. */
  named(model: string, sessionId: string): Goal;
}

/** The provider of answers that need no model: "fallback/<name>". */
export const FALLBACK_PROVIDER = 'fallback';

/** Whether no model is needed for it. */
export const isAnswer = ({ provider }: Target): boolean => provider === FALLBACK_PROVIDER;

const FALLBACK_PREFIX = `${FALLBACK_PROVIDER}/`;

const tierNames: Readonly<Record<ModelTier, string>> = {
  [ModelTier.UNSPECIFIED]: 'none',
  [ModelTier.FAST]: 'fast',
  [ModelTier.BALANCED]: 'balanced',
  [ModelTier.PREMIUM]: 'premium',
};

const complexityNames: Readonly<Record<TaskComplexity, string>> = {
  [TaskComplexity.UNSPECIFIED]: 'none',
  [TaskComplexity.SIMPLE]: 'simple',
  [TaskComplexity.MODERATE]: 'moderate',
  [TaskComplexity.COMPLEX]: 'complex',
};

/** Where the configuration says nothing of a complexity. */
const usualTiers: Readonly<Record<TaskComplexity, ModelTier>> = {
  [TaskComplexity.UNSPECIFIED]: ModelTier.UNSPECIFIED,
  [TaskComplexity.SIMPLE]: ModelTier.FAST,
  [TaskComplexity.MODERATE]: ModelTier.BALANCED,
  [TaskComplexity.COMPLEX]: ModelTier.PREMIUM,
};

/** Finds where calls lead. */
export function goals({ settings, models, fallbackAnswers }: GoalOptions): Goals {
  const named = (model: string, sessionId: string): Goal => {
    const route = settings.routes.get(model);
    if (route) return toRoute(route, sessionId);
    if (model.startsWith(FALLBACK_PREFIX)) return toAnswer(model.slice(FALLBACK_PREFIX.length));
    return { ...models.resolve(model), route: undefined };
  };
  const toAnswer = (name: string): Goal => {
    if (!fallbackAnswers?.has(name)) throw unknownAnswer();
    const targets = [{ provider: FALLBACK_PROVIDER, model: name }];
    return { targets, route: undefined, reason: 'a fallback answer, by name' };
  };
  const toTier = (tier: ModelTier, sessionId: string): Goal => {
    const route = settings.tiers.get(tier);
    const name = `tier ${tierNames[tier]}`;
    if (route) return { targets: route.targets, route, reason: `${name} by ${howOf(route, sessionId)}` };
    const targets = models.ofTier(tier).map((target) => ({ ...target, weight: 1 }));
    if (targets.length === 0) throw emptyTier(tierNames[tier]);
    return { targets, route: { name, targets, strategy: 'priority', sticky: false }, reason: name };
  };
  return {
    named,
    of({ request: { model, tier, complexity }, policy, context: { sessionId } }) {
      const { rule, route } = policy;
      if (route) return { ...toRoute(route, sessionId, `rule ${rule}: `), by: 'rule' };
      if (policy.tier) {
        const goal = toTier(policy.tier, sessionId);
        return { ...goal, reason: `rule ${rule}: ${goal.reason}`, by: 'rule' };
      }
      if (model !== '') return { ...named(model, sessionId), by: 'model' };
      if (tier !== ModelTier.UNSPECIFIED) return { ...toTier(tier, sessionId), by: 'tier' };
      if (complexity === TaskComplexity.UNSPECIFIED) return { ...models.resolve(''), route: undefined, by: 'default' };
      const goal = toTier(settings.complexity.get(complexity) ?? usualTiers[complexity], sessionId);
      return { ...goal, reason: `complexity ${complexityNames[complexity]}: ${goal.reason}`, by: 'complexity' };
    },
  };
}

const toRoute = (route: Route, sessionId: string, prefix = ''): Goal => ({
  targets: route.targets,
  route,
  reason: `${prefix}route ${route.name} by ${howOf(route, sessionId)}`,
});

const howOf = (route: Route, sessionId: string): string => (isKept(route, sessionId) ? 'session' : route.strategy);

const unknownAnswer = () =>
  new GatewayError(
    'model_not_found',
    'No fallback answer of this name is configured. Name a model, or add the answer to the configuration.',
  );

const emptyTier = (tier: string) =>
  new GatewayError(
    'model_not_found',
    `No model of the tier ${tier} is known and allowed here. Name a model, or say in the configuration, under routing.tiers.${tier}, where the tier goes.`,
  );
