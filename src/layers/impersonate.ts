import type { Layer } from '../core/complete.ts';
import { noPolicy, type Policy } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { isAnswer } from '../routing/goals.ts';

/**
 * Sends every call to one provider, under the model's own id: how the mock plays all others. So it does with what the
 * policy would send elsewhere later. Answers that need no model stay what they are. It stands below governance, so that
 * what is refused is refused all the same.
 */
export const impersonate = (provider: string): Layer => {
  const played = (target: Target): Target => (isAnswer(target) ? target : { provider, model: target.model });
  return (next) => (call) =>
    next({ ...call, targets: playedTargets(call.targets, played), policy: playedPolicy(call.policy, played) });
};

/** The first of them, and what answers if that fails: the others would be the same provider again. */
function playedTargets([first, ...others]: readonly Target[], played: (target: Target) => Target): readonly Target[] {
  if (!first || isAnswer(first)) return first ? [first] : [];
  return [played(first), ...others.filter(isAnswer)];
}

function playedPolicy(policy: Policy, played: (target: Target) => Target): Policy {
  const { escalation, shadowing } = policy;
  if (!escalation && !shadowing) return policy;
  return {
    ...policy,
    escalation: escalation && { ...escalation, to: escalation.to.map(played) },
    shadowing: shadowing && { ...shadowing, to: played(shadowing.to) },
  };
}

/**
 * Sends every call to one target, whatever it asks for: how the configured answer stands in for all models when they are
 * switched off. It stands in the place of governance, and no rule sends any of the call elsewhere.
 */
export const divert =
  (target: Target, reason: string): Layer =>
  (next) =>
  (call) => {
    call.trail.target = target;
    call.trail.selectionReason = reason;
    return next({ ...call, targets: [target], policy: noPolicy });
  };
