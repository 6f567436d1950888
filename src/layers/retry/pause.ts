import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { GatewayError } from '../../core/errors.ts';
import type { Target } from '../../core/target.ts';
import { adviceMs, backoffMs } from '../../resilience/backoff.ts';
import type { RetrySettings } from '../../resilience/settings.ts';

/** What is needed to decide whether to try again, and when. */
export interface Deciding {
  readonly settings: RetrySettings;
  readonly clock: Clock;
  /** The shortest time in which the target has answered, in milliseconds. Undefined: it is not known. */
  readonly fastestMs: (target: Target) => number | undefined;
}

/** The n-th try of a call at a target, counted from 1, and what it met. */
export interface FailedTry {
  readonly call: Call;
  readonly target: Target;
  readonly error: GatewayError;
  readonly n: number;
}

/** While another target is left, going on to it is quicker than a longer wait that the provider asks for. */
const MAX_NAMED_BEFORE_FALLBACK_MS = 1_000;

/** How long to wait before the next try at the same target. Undefined: there is to be none. */
export function pauseMs(deciding: Deciding, failed: FailedTry): number | undefined {
  const { settings, clock } = deciding;
  if (!mayRepeat(settings, failed)) return undefined;
  const waitMs = backoffMs(failed.n, clock.random(), settings, failed.error.facts.retryAfterMs);
  return waitMs !== undefined && isInTime(deciding, failed, waitMs) ? waitMs : undefined;
}

/** The error with advice on when to try again, if the provider has given none, and may well answer another time. */
export function withAdvice({ settings, clock }: Deciding, { error }: FailedTry): GatewayError {
  if (!error.rule.retry || error.facts.shouldRetry === false) return error;
  return error.with({ retryAfterMs: adviceMs(clock.random(), settings) });
}

function mayRepeat({ maxRetries, beforeFallback }: RetrySettings, { call, error, n }: FailedTry): boolean {
  const { rule, kind, facts } = error;
  if (!rule.retry || facts.shouldRetry === false || call.signal.aborted || call.sink?.committed) return false;
  const hasTimedOut = kind === 'upstream_timeout';
  // Each such try takes all the time there is, and is likely to be paid for.
  if (call.isLast) return n <= (hasTimedOut ? Math.min(maxRetries, 1) : maxRetries);
  const isWorthIt = !hasTimedOut && (facts.retryAfterMs ?? 0) <= MAX_NAMED_BEFORE_FALLBACK_MS;
  return isWorthIt && n <= Math.min(beforeFallback, maxRetries);
}

/** A try that cannot end in time is not begun. */
function isInTime({ clock, fastestMs }: Deciding, { call, target }: FailedTry, waitMs: number): boolean {
  const { deadlineMs = Number.POSITIVE_INFINITY, answerByMs = Number.POSITIVE_INFINITY } = call;
  return clock.now() + waitMs + (fastestMs(target) ?? 0) < Math.min(deadlineMs, answerByMs);
}
