import type { Retirement } from '../catalogue/retirement.ts';
import { addWarnings } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { retirement as retirementWarning } from '../core/warnings.ts';

export interface Governance {
  /** Where a model of this name may be found, best first. Errors: `model_not_found` and its kin. */
  resolve(model: string): { targets: readonly Target[]; reason: string };
  allowed(target: Target): boolean;
  /** Undefined: its end is not near, or not known. */
  retirement(target: Target): Retirement | undefined;
}

/**
 * Turns the model's name into the targets the caller may use, and warns of a model that is or soon will be gone. It
 * stands before anything that looks up a key or costs money, so that a refused model touches neither.
 */
export const govern =
  ({ resolve, allowed, retirement }: Governance): Layer =>
  (next) =>
  async (call) => {
    const { targets, reason } = resolve(call.request.model);
    call.trail.target = targets[0];
    const permitted = targets.filter(allowed);
    const [first] = permitted;
    if (!first) throw refusal(call.request.model, targets[0]);
    call.trail.target = first;
    call.trail.selectionReason = reason;
    const end = retirement(first);
    if (end) addWarnings(call.trail, [retirementWarning(retirementText(first, end))]);
    return next({ ...call, targets: permitted });
  };

function retirementText({ provider, model }: Target, { isOver, date, successor }: Retirement): string {
  const name = `${provider}/${model}`;
  const end = date === '' ? 'is no longer served' : `${isOver ? 'is' : 'will be'} no longer served from ${date} on`;
  return `The model ${name} ${end}. Choose ${successor ? `${provider}/${successor}` : 'a newer one'}.`;
}

const refusal = (model: string, target: Target | undefined) =>
  new GatewayError(
    'model_not_allowed',
    `The model ${JSON.stringify(model)} is not allowed here. List those that are with ListModels and allowed_only, or add it to ALLOWED_MODELS.`,
    target ? { target } : {},
  );
