import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../core/call.ts';
import type { Complete, Layer } from '../core/complete.ts';
import type { Allowance } from '../core/limits.ts';

/**
 * Holds what a try at this target may use beyond what the call holds already: another target may cost more than the
 * first, and has limits of its own. Errors: `rate_limited`, `budget_exceeded`; then another target is tried.
 */
export const afford = (): Layer => (next) => (call) => {
  const { allowance, target } = call;
  return allowance && target ? covered(next, call, allowance.cover(target)) : next(call);
};

async function covered(
  next: Complete,
  call: Call,
  covering: ReturnType<Allowance['cover']>,
): Promise<CompleteResponse> {
  const over = await covering;
  try {
    return await next(call);
  } finally {
    over?.();
  }
}
