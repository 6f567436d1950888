import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { Tell } from '../core/news.ts';
import type { Pressure, Shortage } from '../resilience/pressure.ts';
import { CallsUnderWay } from './shed/calls-under-way.ts';

export interface Shedding {
  readonly pressure: Pick<Pressure, 'enabled' | 'refuses' | 'onCritical'>;
  readonly clock: Pick<Clock, 'random'>;
  readonly tell: Tell;
}

/**
 * Keeps the process alive when more is asked of it than it can do: it refuses calls, those of the lowest priority
 * first, and when memory is about to run out it ends those under way that hold the most, one at a time. It stands right
 * below the rules, which say what has priority, and above all that costs time or memory.
 *
 * Errors: `overloaded`, with a time after which to try again that differs from call to call.
 */
export const shed =
  ({ pressure, clock, tell }: Shedding): Layer =>
  (next) => {
    if (!pressure.enabled) return next;
    const underWay = new CallsUnderWay(
      (task) => pressure.onCritical(task),
      () => {
        tell({ type: 'ended_for_memory' });
        return overloaded('ended', clock);
      },
    );
    return async (call) => {
      const cause = pressure.refuses(call.priority);
      if (cause) {
        tell({ type: 'shed', priority: call.priority, cause });
        throw overloaded(cause, clock);
      }
      const entered = underWay.enter(call);
      try {
        return await next(entered.call);
      } finally {
        underWay.leave(entered);
      }
    };
  };

const MESSAGES: Readonly<Record<Shortage | 'ended', string>> = {
  delay: 'The gateway is busy. Try again later.',
  memory: 'The gateway is short of memory. Try again later.',
  ended: 'The gateway ran out of memory, and ended the largest calls. Send less at once, or try again later.',
};

/** By chance between these, so that those refused at once do not come back at once. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 3_000;

const overloaded = (what: Shortage | 'ended', clock: Pick<Clock, 'random'>) =>
  new GatewayError('overloaded', MESSAGES[what], {
    retryAfterMs: Math.round(MIN_RETRY_MS + clock.random() * (MAX_RETRY_MS - MIN_RETRY_MS)),
  });
