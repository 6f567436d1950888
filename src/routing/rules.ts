import type { Call } from '../core/call.ts';
import { textPatterns } from '../core/patterns.ts';
import type { Policy } from '../core/policy.ts';
import type { Rule, RuleMatch } from './settings.ts';

/** What a rule looks at. */
interface Subject {
  readonly call: Call;
  /** What follows the first "/" of the model that the request names, or else all of it. */
  readonly id: string;
}

type Condition = (subject: Subject) => boolean;

/**
 * Finds the policy of the first rule that a call meets. Undefined: it meets none.
 *
 * Request types, agents, teams and models are patterns in which "*" stands for any text; labels are compared as they
 * are. Patterns of models with "/" are held against the request's text, others against the id in it: "openai/*" does not
 * match "gpt-5", wherever that leads.
 *
 * A rule that says nothing of models does not redirect a call that names one: for such a call its policy has no
 * route, tier or canary.
 */
export function ruleFinder(rules: readonly Rule[]): (call: Call) => Policy | undefined {
  const compiled = rules.map(({ match, policy }) => ({
    conditions: conditionsOf(match),
    policy,
    ofNamed: match.models ? policy : { ...policy, route: undefined, tier: undefined, canary: undefined },
  }));
  return (call) => {
    const { model } = call.request;
    const subject = { call, id: model.slice(model.indexOf('/') + 1) };
    const found = compiled.find(({ conditions }) => conditions.every((holds) => holds(subject)));
    return model === '' ? found?.policy : found?.ofNamed;
  };
}

/** The quickest to tell first. */
function conditionsOf({ requestTypes, teams, sourceAgents, labels, models }: RuleMatch): readonly Condition[] {
  const wanted = Object.entries(labels);
  return [
    matching(requestTypes, ({ call }) => call.request.requestType),
    matching(teams, ({ call }) => call.caller.team),
    matching(sourceAgents, ({ call }) => call.context.sourceAgent),
    wanted.length > 0 ? labelled(wanted) : undefined,
    models ? naming(models) : undefined,
  ].filter((condition) => condition !== undefined);
}

function matching(patterns: readonly string[] | undefined, textOf: (subject: Subject) => string) {
  if (!patterns) return undefined;
  const matches = textPatterns(patterns);
  return (subject: Subject) => matches(textOf(subject));
}

const labelled =
  (wanted: readonly (readonly [string, string])[]): Condition =>
  ({ call: { request } }) =>
    wanted.every(([key, value]) => request.labels[key] === value);

function naming(patterns: readonly string[]): Condition {
  const namesWhole = textPatterns(patterns.filter((pattern) => pattern.includes('/')));
  const namesId = textPatterns(patterns.filter((pattern) => !pattern.includes('/')));
  return ({ call: { request }, id }) => request.model !== '' && (namesWhole(request.model) || namesId(id));
}
