import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { ErrorKind, GatewayError } from '../../core/errors.ts';
import type { Pass } from '../../resilience/breaker.ts';
import type { TargetState } from '../../resilience/target-state.ts';
import { coolingMs, isFailureThere, judge } from './judgement.ts';

/** How a try ends whose answer nobody waits for any more. */
const GIVEN_UP: readonly ErrorKind[] = ['cancelled', 'deadline_exceeded', 'upstream_timeout'];

/** No answer is expected sooner where nothing is known of a target, in milliseconds. */
const SOONEST_MS = 1_000;

/** One try at a target, and what it says of the target. */
export class JudgedTry {
  readonly #call: Call;
  readonly #state: TargetState;
  readonly #pass: Pass;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #startedMs: number;
  readonly #queuedMs: number;
  readonly #coolings: number;
  #isAnswered = false;

  constructor(call: Call, state: TargetState, pass: Pass, clock: Pick<Clock, 'now'>) {
    this.#call = call;
    this.#state = state;
    this.#pass = pass;
    this.#clock = clock;
    this.#startedMs = clock.now();
    this.#queuedMs = call.trail.queuedMs;
    this.#coolings = state.coolings;
    state.started();
  }

  /** The answer begins. Only the first time counts, and none after the end. */
  answered(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#pass.succeeded();
    this.#state.latency.record(this.#takenMs);
    this.#state.warmed(this.#coolings);
  }

  succeeded(): void {
    this.answered();
    this.#state.outcomes.succeeded(this.#takenMs);
    this.#end();
  }

  failed(error: GatewayError): void {
    this.#state.cool(coolingMs(error) ?? 0);
    if (!this.#hadTooLittleTime(error)) this.#count(error);
    if (!this.#isAnswered && GIVEN_UP.includes(error.kind)) this.#state.latency.recordAtLeast(this.#takenMs);
    this.#end();
  }

  #count(error: GatewayError): void {
    const { outcomes } = this.#state;
    const judgement = judge(error);
    if (judgement === 'failed') this.#pass.failed(error.kind);
    if (judgement === 'answered') this.#pass.succeeded();
    if (isFailureThere(error)) outcomes.failed(error.kind);
    else if (judgement === 'answered') outcomes.answered();
  }

  /**
   * It was ended to leave time for another target, sooner than answers here usually begin. Otherwise callers with short
   * deadlines could take a target from all others.
   */
  #hadTooLittleTime({ kind }: GatewayError): boolean {
    const { answerByMs } = this.#call;
    if (kind !== 'upstream_timeout' || this.#isAnswered || answerByMs === undefined) return false;
    return this.#clock.now() >= answerByMs && this.#takenMs < this.#usualMs;
  }

  /** When answers here usually begin. As long as there was none, the average is only that of how long others waited. */
  get #usualMs(): number {
    const { ewmaMs = 0, fastestMs } = this.#state.latency;
    return Math.max(ewmaMs, fastestMs ?? SOONEST_MS);
  }

  #end(): void {
    this.#isAnswered = true;
    this.#pass.left();
    this.#state.ended();
  }

  /** How long it has taken so far, without waiting for a turn, which is no fault of the provider's. */
  get #takenMs(): number {
    const queuedMs = this.#call.trail.queuedMs - this.#queuedMs;
    return Math.max(this.#clock.now() - this.#startedMs - queuedMs, 0);
  }
}
