import { linkedAbort } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { GatewayError } from '../../core/errors.ts';
import { sleep } from '../../core/sleep.ts';

/** Something that is done again and again, in the background. */
export interface RoundsOptions {
  /** Until the first round, in milliseconds. */
  readonly firstMs: number;
  /** From the end of one round to the beginning of the next. Each wait is a tenth more or less, by chance. */
  readonly everyMs: number;
  /** Never rejects. */
  readonly round: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
}

export interface Rounds {
  /** Breaks off what is under way; resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** Replicas that start together do not ask together, since each waits a little more or less. */
export function startRounds({ firstMs, everyMs, round, clock }: RoundsOptions): Rounds {
  const stop = new AbortController();
  const waited = (ms: number) =>
    sleep(ms * (0.9 + 0.2 * clock.random()), clock, stop.signal).then(
      () => true,
      () => false,
    );
  const run = async () => {
    for (let delayMs = firstMs; await waited(delayMs); delayMs = everyMs) await round(stop.signal);
  };
  const over = run();
  return {
    close() {
      stop.abort(new GatewayError('shutting_down', 'The gateway is shutting down.'));
      return over;
    },
  };
}

/** Does the work with a signal that also aborts after so long, with the given error. */
export async function within<T>(
  ms: number,
  tooSlow: GatewayError,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = linkedAbort(signal);
  const timer = clock.after(ms, () => abort.abort(tooSlow));
  try {
    return await work(abort.signal);
  } finally {
    timer.cancel();
    abort.release();
  }
}
