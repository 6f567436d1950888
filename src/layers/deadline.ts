import { linkedAbort } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';

const passed = () =>
  new GatewayError(
    'deadline_exceeded',
    'The deadline passed before the answer was whole. Allow more time, or ask for less.',
  );

/**
 * Turns the caller's deadline into the signal that everything below obeys. It stands above all that takes time, and
 * below what must be recorded whether or not there was time.
 *
 * A caller whose deadline passes cancels as well, and either may be noticed first; both are `deadline_exceeded`.
 */
export const deadline =
  (clock: Clock): Layer =>
  (next) =>
  async (call) => {
    const { deadlineMs } = call;
    if (deadlineMs === undefined) return next(call);
    const leftMs = deadlineMs - clock.now();
    if (leftMs <= 0) throw passed();
    const abort = linkedAbort(call.signal);
    const timer = clock.after(leftMs, () => abort.abort(passed()));
    try {
      return await next({ ...call, signal: abort.signal });
    } catch (thrown) {
      const error = toGatewayError(thrown);
      throw error.kind === 'cancelled' && clock.now() >= deadlineMs ? passed() : error;
    } finally {
      timer.cancel();
      abort.release();
    }
  };
