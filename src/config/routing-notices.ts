import { textPatterns } from '../core/patterns.ts';
import type { Rule, RuleMatch } from '../routing/settings.ts';

/** What is worth saying of rules that do what they say, and may not be meant so. */
export const ruleNotices = (rules: readonly Rule[], hasCache: boolean): readonly string[] => [
  ...rules.flatMap((rule, i) => unreached(rule, rules.slice(0, i))),
  ...rules.flatMap(({ policy: { rule, canary, shadowing, cacheTtlMs } }) => [
    ...(canary?.share === 0 ? [`The canary of the rule ${rule} gets no call: its percent is 0.`] : []),
    ...(shadowing?.share === 0 ? [`The shadow of the rule ${rule} gets no call: its percent is 0.`] : []),
    ...(cacheTtlMs === undefined || hasCache
      ? []
      : [`The cache_ttl_ms of the rule ${rule} has no effect: cache.enabled is false.`]),
  ]),
];

function unreached({ match, policy }: Rule, earlier: readonly Rule[]): string[] {
  const first = earlier.find((other) => covers(other.match, match));
  return first ? [`The rule ${policy.rule} is never reached: ${first.policy.rule} takes all its calls.`] : [];
}

/** Whether every call that meets `inner` is sure to meet `outer`. */
const covers = (outer: RuleMatch, inner: RuleMatch): boolean =>
  coversTexts(outer.requestTypes, inner.requestTypes) &&
  coversTexts(outer.sourceAgents, inner.sourceAgents) &&
  coversTexts(outer.teams, inner.teams) &&
  coversTexts(outer.models, inner.models) &&
  Object.entries(outer.labels).every(([name, value]) => inner.labels[name] === value);

/** A pattern is covered by itself and by "*", a text without a star by whatever it matches. */
function coversTexts(outer: readonly string[] | undefined, inner: readonly string[] | undefined): boolean {
  if (!outer) return true;
  if (!inner) return false;
  const matches = textPatterns(outer);
  return outer.includes('*') || inner.every((each) => outer.includes(each) || (!each.includes('*') && matches(each)));
}
