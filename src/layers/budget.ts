import type { Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import type { Target } from '../core/target.ts';
import type { Meter } from '../quotas/meter.ts';

export interface BudgetParts {
  /** Undefined: nothing limits the call. */
  readonly meterOf: (call: Call) => Meter | undefined;
  /** Whether an answer comes without a model, and so costs nothing. */
  readonly isFree: (target: Target) => boolean;
  /** Is given what goes on after the call has been answered. */
  readonly settling: (work: Promise<void>) => void;
}

/**
 * Holds what a call may use before it begins, and spends what it did use when it is over, however it ends: also when
 * the caller leaves, a stream breaks, or no provider answers. It stands below the cache, so that a hit is free, and
 * above the choice of targets, so that they all draw on the same account.
 *
 * The answer does not wait for what is spent to be written down. Errors: `rate_limited`, `budget_exceeded`.
 */
export const budget =
  ({ meterOf, isFree, settling }: BudgetParts): Layer =>
  (next) => {
    const within = async (call: Call, first: Target, meter: Meter) => {
      try {
        await meter.open(first);
        return await next({ ...call, allowance: meter });
      } finally {
        settling(meter.settle());
      }
    };
    return (call) => {
      const [first] = call.targets;
      const meter = first && !isFree(first) ? meterOf(call) : undefined;
      return first && meter ? within(call, first, meter) : next(call);
    };
  };
