import { z } from 'zod';
import { type EscalationCause, priorities, type Strategy } from '../core/policy.ts';
import {
  describe,
  durationMs,
  flag,
  modelPatternRule,
  modelRule,
  nameRule,
  number,
  type TextRule,
  text,
  whole,
} from './fields.ts';
import { contextSchema, promptCacheSchema } from './schema-thrift.ts';
import { ownTimeoutsSchema } from './schema-timeouts.ts';

export const tierNames = ['fast', 'balanced', 'premium'] as const;
export type TierName = (typeof tierNames)[number];

export const complexityNames = ['simple', 'moderate', 'complex'] as const;
export type ComplexityName = (typeof complexityNames)[number];

const strategies = [
  'priority',
  'weighted',
  'round_robin',
  'least_cost',
  'least_latency',
  'least_busy',
] as const satisfies readonly Strategy[];

const causes = ['truncated', 'refused', 'empty', 'schema'] as const satisfies readonly EscalationCause[];

const requestTypeRule: TextRule = {
  pattern: /^[a-z0-9_.*-]{1,64}$/,
  problem: 'is not a pattern of request types',
  fix: 'Use up to 64 characters of a-z, 0-9, "_", "-" and ".", and "*" for any text.',
};

const labelNameRule: TextRule = {
  pattern: /^[a-z0-9_.-]{1,64}$/,
  problem: 'is not a possible name of a label',
  fix: 'Use up to 64 characters of a-z, 0-9, "_", "-" and ".".',
};

const agentRule: TextRule = {
  pattern: /^[ -~]{1,128}$/,
  problem: 'is not a pattern of names',
  fix: 'Use up to 128 printable ASCII characters, and "*" for any text.',
};

const MOST_TARGETS = 100;
const MOST_PATTERNS = 1000;

const model = (description: string) => describe(text(modelRule), description);

const targetSchema = z.union([
  text(modelRule),
  z.strictObject({
    model: model('"provider/id", or an id that one provider is known to have.'),
    weight: whole(
      0,
      1000,
      'Its share of the calls, against those of the others. 0: only if these fail. Only for the strategy weighted. Unset: 1.',
    ).optional(),
  }),
]);

const targetsSchema = z.array(targetSchema).min(1).max(MOST_TARGETS);

const routeFields = {
  strategy: z
    .enum(strategies)
    .meta({ description: 'How one of the models is chosen. Unset: priority, as they stand.' }),
  sticky: flag('Keep the calls of one session at one model.'),
  targets: targetsSchema.meta({ description: 'The models. Those that are not chosen follow if the chosen one fails.' }),
};

/** A list with a problem is left out, so targets cannot be required by themselves. */
const routeSchema = z
  .strictObject({
    strategy: routeFields.strategy.default('priority'),
    sticky: routeFields.sticky.default(false),
    targets: routeFields.targets.optional(),
  })
  .meta({ title: 'Route', required: ['targets'] });

const tierSchema = z.union([text(nameRule('a route')), targetsSchema, routeSchema]);

const tier = (description: string) => tierSchema.meta({ description }).optional();

const tiersSchema = z
  .strictObject({
    fast: tier('Cheap and fast models: the name of a route, a list of models, or a route.'),
    balanced: tier('Models for every day.'),
    premium: tier('The most able models.'),
  })
  .meta({ title: 'Tiers', description: 'Where a tier goes. Unset: to the models of the catalogue that are in it.' });

const complexity = (by: TierName) =>
  z
    .enum(tierNames)
    .meta({ description: `Unset: ${by}.` })
    .optional();

const complexitySchema = z
  .strictObject({ simple: complexity('fast'), moderate: complexity('balanced'), complex: complexity('premium') })
  .meta({ title: 'Complexity', description: 'The tier for tasks of this complexity, where a request says no tier.' });

const patterns = (rule: TextRule, description: string) =>
  z.array(text(rule)).min(1).max(MOST_PATTERNS).meta({ description }).optional();

const matchSchema = z
  .strictObject({
    request_types: patterns(requestTypeRule, 'Patterns of request_type: "summary", "summary.*".'),
    source_agents: patterns(agentRule, 'Patterns of source_agent.'),
    teams: patterns(agentRule, 'Patterns of the name of the team that calls.'),
    labels: z
      .record(text(labelNameRule), z.string().max(256))
      .meta({ description: 'Every one of these labels must have this value.' })
      .default({}),
    models: patterns(modelPatternRule, 'Patterns of the model that the request names, as it is written there.'),
  })
  .meta({
    title: 'Match',
    description:
      'Which calls the rule is for. Everything that is set must match; a list matches by any of its entries. Unset: every call.',
  });

const percent = (description: string) => number(0, 100, description);

const canarySchema = z
  .strictObject({
    to: model('The model that gets them first.'),
    percent: percent('The share of the calls, in percent. A session is in it, or is not, as a whole.'),
  })
  .meta({ title: 'Canary', description: 'Sends a share of the calls to another model first.' });

const hedgeSchema = z
  .strictObject({
    after_ms: durationMs(1, 'How long a try may be without an answer, or without a first token.'),
    max: whole(1, 5, 'The most further tries.').default(1),
  })
  .meta({
    title: 'Hedge',
    description: 'Sends another try after a while, without breaking off the first. The first to answer wins.',
  });

const escalateSchema = z
  .strictObject({
    on: z.array(z.enum(causes)).min(1).max(16).meta({ description: 'What is not good enough.' }),
    to: z
      .union([text(nameRule('a route')), z.array(text(modelRule)).min(1).max(MOST_TARGETS)])
      .meta({ description: 'The name of a route or a tier, or a list of models.' }),
  })
  .meta({ title: 'Escalate', description: 'Asks stronger models if an answer is not good enough.' });

const shadowSchema = z
  .strictObject({
    to: model('The model that gets the copy.'),
    percent: percent('The share of the calls, in percent.'),
  })
  .meta({ title: 'Shadow', description: 'Sends a copy of some calls to another model, whose answers nobody gets.' });

const ruleSchema = z
  .strictObject({
    name: describe(text(nameRule('a rule')), 'What it is called in logs and in the reasons of choices.'),
    match: matchSchema.prefault({}),
    route: describe(text(nameRule('a route')), 'Where the calls go: the name of a route.').optional(),
    tier: z.enum(tierNames).meta({ description: 'The same: a tier.' }).optional(),
    targets: routeFields.targets.meta({ description: 'The same: a list of models.' }).optional(),
    strategy: routeFields.strategy.optional(),
    sticky: routeFields.sticky.optional(),
    priority: z
      .enum(priorities)
      .meta({ description: 'What goes first where there is too little room. It wins over that of the request.' })
      .optional(),
    fallbacks: z
      .array(text(modelRule))
      .min(1)
      .max(MOST_TARGETS)
      .meta({ description: 'Models that are tried after all that was chosen.' })
      .optional(),
    timeouts: ownTimeoutsSchema.optional(),
    cache_ttl_ms: durationMs(1, 'How long answers are kept in the cache.').optional(),
    context: contextSchema.optional(),
    prompt_cache: promptCacheSchema.optional(),
    canary: canarySchema.optional(),
    hedge: hedgeSchema.optional(),
    escalate: escalateSchema.optional(),
    shadow: shadowSchema.optional(),
  })
  .meta({ title: 'Rule' });

export const routingSchema = z
  .strictObject({
    routes: z
      .record(text(nameRule('a route')), routeSchema)
      .meta({ description: 'Several models under one name, which a request may give as its model.' })
      .default({}),
    tiers: tiersSchema.prefault({}),
    complexity: complexitySchema.prefault({}),
    rules: z
      .array(ruleSchema)
      .max(1000)
      .meta({ description: 'What is different for some calls. The first rule that matches counts.' })
      .default([]),
  })
  .meta({ title: 'Routing', description: 'Which models calls go to, and in which order.' });

export type RoutingEntry = z.infer<typeof routingSchema>;
export type RouteEntry = z.infer<typeof routeSchema>;
export type TierEntry = z.infer<typeof tierSchema>;
export type TargetEntry = z.infer<typeof targetSchema>;
export type RuleEntry = z.infer<typeof ruleSchema>;
export type MatchEntry = z.infer<typeof matchSchema>;
