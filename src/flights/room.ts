import { linkedAbort, unlessAborted } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Sink } from '../core/events.ts';

/** A caller did not read what it was sent. */
export const slow = () =>
  new GatewayError('slow_consumer', 'The stream was not read for too long. Read it as it comes, or do not stream.');

/**
 * Waits until there is room for more, which `timeouts` does not see: it stands below, around a provider.
 *
 * Aborts: rejects with the signal's reason. Errors: `slow_consumer`.
 */
export async function roomIn(sink: Sink, stallMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const abort = linkedAbort(signal);
  const timer = clock.after(stallMs, () => abort.abort(slow()));
  try {
    await unlessAborted(sink.ready(), abort.signal);
  } finally {
    timer.cancel();
    abort.release();
  }
}
