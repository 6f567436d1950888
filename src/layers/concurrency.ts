import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { QueueRefusal } from '../resilience/turns/refusal.ts';
import type { Release, Turns } from '../resilience/turns.ts';

/** The turns of one provider. */
type ProviderTurns = Pick<Turns, 'tryTake' | 'wait'>;

/**
 * Lets a bounded number of calls go to a provider at once; the others wait for their turn. It stands below the breaker
 * and the retries, so that a call that is refused or waits to try again holds no turn, and above the record of a try
 * and its timeouts, so that waiting here is not counted against the provider.
 *
 * `fastestMs` gives the shortest time in which a target has answered lately: a turn that comes so late that no answer
 * can is not waited for. Aborts: a call that waits leaves the queue. Errors: `queue_full`, with the time after which to
 * try again.
 */
export const concurrency =
  (
    turns: ProviderTurns,
    clock: Pick<Clock, 'now'>,
    tell: Tell = () => undefined,
    fastestMs: (target: Target) => number | undefined = () => undefined,
  ): Layer =>
  (next) =>
  async (call) => {
    if (call.signal.aborted) throw call.signal.reason;
    const release = turns.tryTake() ?? (await turnFor(call, { turns, clock, tell, fastestMs }));
    try {
      return await next(call);
    } finally {
      release();
    }
  };

interface Queueing {
  readonly turns: ProviderTurns;
  readonly clock: Pick<Clock, 'now'>;
  readonly tell: Tell;
  readonly fastestMs: (target: Target) => number | undefined;
}

async function turnFor(call: Call, { turns, clock, tell, fastestMs }: Queueing): Promise<Release> {
  const { signal, priority, trail, target } = call;
  const startedMs = clock.now();
  const neededMs = (target && fastestMs(target)) ?? 0;
  try {
    const untilMs = endMs(call) - neededMs;
    const release = await turns.wait({ priority, flow: flowOf(call), signal, untilMs });
    if (!signal.aborted) return release;
    // The turn came in the same moment in which the caller left.
    release();
    throw signal.reason;
  } catch (thrown) {
    if (!(thrown instanceof QueueRefusal) || !target) throw thrown;
    tell({ type: 'queue_refused', provider: target.provider, cause: thrown.refused });
    throw thrown.with({ target });
  } finally {
    trail.queuedMs += clock.now() - startedMs;
  }
}

/** Whose calls wait in line with it: a team has one place in line, however many keys it has. What callers write themselves is never taken for the name of a key. */
function flowOf({ caller, context }: Call): string {
  if (caller.isAnonymous) return `agent:${context.sourceAgent}`;
  return caller.team === '' ? `key:${caller.name}` : `team:${caller.team}`;
}

/** When the answer must be there, by the clock. */
const endMs = ({ deadlineMs, answerByMs }: Call): number =>
  Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, answerByMs ?? Number.POSITIVE_INFINITY);
