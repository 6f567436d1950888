import type { Layer } from '../core/complete.ts';

/**
 * Holds what a try at this target may use beyond what the call holds already: another target may cost more than the
 * first, and has limits of its own. Errors: `rate_limited`, `budget_exceeded`; then another target is tried.
 */
export const afford = (): Layer => (next) => async (call) => {
  const { allowance, target } = call;
  const over = target && (await allowance?.cover(target));
  if (!over) return next(call);
  try {
    return await next(call);
  } finally {
    over();
  }
};
