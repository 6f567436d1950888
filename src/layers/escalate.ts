import type { Call, Trail } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete, Layer } from '../core/complete.ts';
import type { Tell } from '../core/news.ts';
import type { Escalation } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { mayBeginAnew } from './escalate/anew.ts';
import { SecondAnswer } from './escalate/second-answer.ts';
import { shortcomingOf } from './escalate/shortcomings.ts';

export interface Escalating {
  readonly tell: Tell;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Asks stronger models, once, when the answer is cut off, refused, empty or of the wrong shape, as far as the rule of
 * the call says so. It stands above the choice of a target, so that what it judges is the answer of all of them.
 *
 * The stronger answer counts unless it is worse; if it is, or fails, the first one counts with all its facts. Of a stream
 * that has begun, the first answer is voided by `restart`, which the caller must have allowed, and given again if it
 * counts after all.
 *
 * Aborts: rejects with the signal's reason. Errors: those of the first answer; and those of the second if that is what a
 * stream has begun with, and may not begin anew.
 */
export const escalate =
  (parts: Escalating): Layer =>
  (next) =>
  (call) =>
    call.policy.escalation ? judged(call, call.policy.escalation, next, parts) : next(call);

async function judged(call: Call, escalation: Escalation, next: Complete, parts: Escalating) {
  const { trail, request } = call;
  const { tell, clock } = parts;
  const known = trail.warnings.length;
  const startedMs = clock.now();
  const first = await next(call);
  if (!mayAskAgain(call, startedMs, clock.now())) return first;
  const shortcoming = shortcomingOf(first, request, escalation.on);
  const targets = untried(escalation.to, trail);
  const { target: from } = trail;
  const [to] = targets;
  if (!shortcoming || !from || !to) return first;
  tell({ type: 'escalated', from, to, cause: shortcoming.cause });
  return new SecondAnswer(call, { response: first, from, known }, shortcoming.because).ask(next, targets);
}

/** There must be as much time again, and a stream must not have begun, or may begin anew. */
function mayAskAgain({ signal, deadlineMs, sink, request }: Call, startedMs: number, nowMs: number): boolean {
  if (signal.aborted || (deadlineMs !== undefined && deadlineMs - nowMs < nowMs - startedMs)) return false;
  return !sink?.committed || mayBeginAnew(request);
}

const isAt =
  (target: Target) =>
  ({ provider, model }: Target): boolean =>
    provider === target.provider && model === target.model;

const untried = (targets: readonly Target[], { attempts }: Trail): readonly Target[] =>
  targets.filter((target) => !attempts.some(isAt(target)));
