import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import type { Sink } from '../core/events.ts';
import type { Target } from '../core/target.ts';
import type { TargetState } from '../resilience/target-state.ts';
import { JudgedTry } from './breaker/judged-try.ts';

/** What is known of targets. */
export interface Targets {
  readonly stateOf: (target: Target) => TargetState;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Keeps calls from a target that keeps failing, and learns from every try how its target does. It stands below
 * `retry`, so that each try is judged, and above all that may wait, so that a call that is refused holds nothing.
 *
 * Errors: `circuit_open`, with the time after which to try again.
 */
export const breaker =
  ({ stateOf, clock }: Targets): Layer =>
  (next) =>
  async (call) => {
    if (!call.target) return next(call);
    const state = stateOf(call.target);
    const pass = state.breaker.enter(call.isLast);
    if (!pass) throw refusal(state);
    const judged = new JudgedTry(call, state, pass, clock);
    try {
      const response = await next(call.sink ? { ...call, sink: watched(call.sink, judged) } : call);
      judged.succeeded();
      return response;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      judged.failed(error);
      throw error;
    }
  };

/** Passes everything on, and notices the first token. */
const watched = (sink: Sink, judged: JudgedTry): Sink => ({
  emit(delta) {
    judged.answered();
    return sink.emit(delta);
  },
  ready: () => sink.ready(),
  get committed() {
    return sink.committed;
  },
});

const refusal = ({ target, retryInMs }: TargetState) =>
  new GatewayError(
    'circuit_open',
    'The model keeps failing at its provider, and is left alone for a while. Try again later, or use another model.',
    { target, retryAfterMs: retryInMs },
  );
