import type { Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import type { Tell } from '../core/news.ts';
import { sleep } from '../core/sleep.ts';
import type { RetryBudget } from '../resilience/retry-budget.ts';
import { type Deciding, type FailedTry, pauseMs, withAdvice } from './retry/pause.ts';

export interface Retrying extends Deciding {
  /** That of the provider. */
  readonly budget: Pick<RetryBudget, 'enter' | 'take'>;
  readonly tell: Tell;
}

/**
 * Tries again at the same target when a try has failed in a way that may pass, as long as nothing has gone to the
 * caller. It stands above the breaker, so that each try is judged, and per target, so that each has its own count.
 *
 * The time until a repeat counts as one of waiting for the provider. Aborts: nothing is tried again. Errors: what the
 * last try met that the provider heard of, with advice on when to try again.
 */
export const retry =
  (retrying: Retrying): Layer =>
  (next) =>
  async (call) => {
    const { target } = call;
    if (!target) return next(call);
    const leave = retrying.budget.enter();
    let giveBack: (() => void) | undefined;
    let met: GatewayError | undefined;
    try {
      for (let n = 1; ; n++) {
        const attempts = call.trail.attempts.length;
        try {
          return await next(call);
        } catch (thrown) {
          giveBack?.();
          const error = toGatewayError(thrown);
          const wasAsked = call.trail.attempts.length > attempts;
          if (met && error.rule.next && !wasAsked) throw notRepeated(met, error);
          giveBack = await turn(retrying, { call, target, error, n });
          met = error;
        }
      }
    } finally {
      giveBack?.();
      leave();
    }
  };

/** What a try has met whose repeat was refused before the provider heard of it, with the wait that the refusal names. */
const notRepeated = (met: GatewayError, { facts: { retryAfterMs } }: GatewayError): GatewayError =>
  retryAfterMs === undefined ? met : met.withWait(retryAfterMs);

/**
 * Resolves when the next try may begin; what it gives is to be called when that is over. Aborts: rejects with the
 * signal's reason. Errors: what the failed try met, if there is to be no other.
 */
async function turn(retrying: Retrying, failed: FailedTry): Promise<() => void> {
  const { call, target, error } = failed;
  const waitMs = pauseMs(retrying, failed);
  if (waitMs === undefined) throw withAdvice(retrying, failed);
  const giveBack = retrying.budget.take();
  if (!giveBack) {
    retrying.tell({ type: 'budget_spent', provider: target.provider });
    throw withAdvice(retrying, failed);
  }
  try {
    await pause(retrying, call, waitMs);
  } catch (aborted) {
    giveBack();
    throw aborted;
  }
  const last = call.trail.attempts.at(-1);
  if (last) last.leftBecause = `tried again after ${Math.round(waitMs)} ms`;
  retrying.tell({ type: 'retried', target, reason: error.kind, waitMs });
  return giveBack;
}

async function pause({ clock }: Retrying, { signal, trail }: Call, waitMs: number): Promise<void> {
  const startedMs = clock.now();
  try {
    await sleep(waitMs, clock, signal);
  } finally {
    trail.upstreamMs += clock.now() - startedMs;
  }
}
