import type { Complete } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';

/**
 * Sends the call to its first target. What stands below is per target, so that one provider's trouble is not
 * another's; what stands above is per call.
 */
export const route =
  (stackOf: (provider: string) => Complete | undefined): Complete =>
  async (call) => {
    const [target] = call.targets;
    const stack = target && stackOf(target.provider);
    if (!stack) throw new GatewayError('internal', 'No provider can take this call. Report its x-request-id.');
    call.trail.target = target;
    return stack({ ...call, target });
  };
