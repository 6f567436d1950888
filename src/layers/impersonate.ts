import type { Layer } from '../core/complete.ts';
import { noPolicy, type Policy } from '../core/policy.ts';
import type { Target } from '../core/target.ts';

/**
 * Sends every call to one provider, under the model's own id: how the mock plays all others. So it does with what the
 * policy would send elsewhere later. It stands below governance, so that what is refused is refused all the same.
 */
export const impersonate = (provider: string): Layer => {
  const played = ({ model }: Target): Target => ({ provider, model });
  return (next) => (call) =>
    next({ ...call, targets: call.targets.slice(0, 1).map(played), policy: playedPolicy(call.policy, played) });
};

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
