import type { Warning } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../core/call.ts';
import { GatewayError } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { dropped } from '../core/warnings.ts';
import type { Arrange } from './arrange.ts';
import type { Demand } from './demand.ts';
import type { Goal, Goals } from './goals.ts';

export interface Fallbacks {
  readonly targets: readonly Target[];
  /** One for each that was left out. */
  readonly warnings: readonly Warning[];
}

const NOT_KNOWN = 'Left out: no provider that is switched on here is known to have this model.';
const NOT_ALLOWED = 'Left out: governance does not allow this model here.';

/** Finds the models that requests name to fall back on. */
export function fallbackFinder(lead: Pick<Goals, 'named'>, arrange: Arrange) {
  return (call: Call, demand: () => Demand): Fallbacks => {
    const found = call.request.fallbackModels.map((model) => {
      const goal = goalOf(lead, model, call.context.sessionId);
      const targets = goal ? arrange(goal, call, demand) : [];
      return { targets, why: goal ? NOT_ALLOWED : NOT_KNOWN };
    });
    return {
      targets: found.flatMap(({ targets }) => targets),
      warnings: found.flatMap(({ targets, why }, i) =>
        targets.length === 0 ? [dropped(`fallback_models[${i}]`, why)] : [],
      ),
    };
  };
}

/** Undefined: it is not known. */
function goalOf(lead: Pick<Goals, 'named'>, model: string, sessionId: string): Goal | undefined {
  try {
    return lead.named(model, sessionId);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return undefined;
    throw thrown;
  }
}
