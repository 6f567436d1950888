import type { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { Retirement } from '../catalogue/retirement.ts';
import { addWarnings, type Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { toGatewayError } from '../core/errors.ts';
import type { Escalation, Policy } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { retirement as retirementWarning } from '../core/warnings.ts';
import type { Select, Selection } from '../routing/selection.ts';

export interface Governance {
  /** Where a call may go. Errors: `model_not_found`, `model_not_allowed` and their kin. */
  readonly select: Select;
  allowed(target: Target): boolean;
  /** The models of a tier that may be called and are still served. */
  ofTier(tier: ModelTier): readonly Target[];
  /** Undefined: its end is not near, or not known. */
  retirement(target: Target): Retirement | undefined;
}

/**
 * Turns what the request and the rules say into the targets that the call may use, and warns of a model that is or soon
 * will be gone. It stands before anything that looks up a key or costs money, so that a refused model touches neither.
 */
export const govern =
  ({ select, retirement, ...models }: Governance): Layer =>
  (next) =>
  async (call) => {
    const { targets, reason, warnings } = selectionFor(call, select);
    const [first] = targets;
    const end = first && retirement(first);
    call.trail.target = first;
    call.trail.selectionReason = reason;
    addWarnings(call.trail, warnings);
    if (end) addWarnings(call.trail, [retirementWarning(retirementText(first, end))]);
    return next({ ...call, targets, policy: permittedPolicy(call, models) });
  };

/** Of a call that is refused, the record shows the target that it would have gone to. */
function selectionFor(call: Call, select: Select): Selection {
  try {
    return select(call);
  } catch (thrown) {
    call.trail.target = toGatewayError(thrown).facts.target;
    throw thrown;
  }
}

/** The policy with those targets alone, of all that calls could be sent to later, that are allowed. */
function permittedPolicy(
  { policy, caller: { allowedModels } }: Call,
  models: Pick<Governance, 'allowed' | 'ofTier'>,
): Policy {
  const { escalation, shadowing } = policy;
  if (!escalation && !shadowing) return policy;
  const allowed = (target: Target) => models.allowed(target) && (allowedModels?.(target) ?? true);
  return {
    ...policy,
    escalation: escalation && permittedEscalation(escalation, { allowed, ofTier: models.ofTier }),
    shadowing: shadowing && allowed(shadowing.to) ? shadowing : undefined,
  };
}

function permittedEscalation(
  { on, to, tier }: Escalation,
  { allowed, ofTier }: Pick<Governance, 'allowed' | 'ofTier'>,
): Escalation | undefined {
  const permitted = (tier ? ofTier(tier) : to).filter(allowed);
  return permitted.length > 0 ? { on, to: permitted } : undefined;
}

function retirementText({ provider, model }: Target, { isOver, date, successor }: Retirement): string {
  const name = `${provider}/${model}`;
  const end = date === '' ? 'is no longer served' : `${isOver ? 'is' : 'will be'} no longer served from ${date} on`;
  return `The model ${name} ${end}. Choose ${successor ? `${provider}/${successor}` : 'a newer one'}.`;
}
