import { type LinkedAbort, linkedAbort } from '../../core/abort.ts';
import type { Call, Trail } from '../../core/call.ts';
import { GatewayError } from '../../core/errors.ts';
import { addSpent, forkTrail } from '../../core/spent.ts';
import type { Target } from '../../core/target.ts';

/** One of several tries that run at once. */
export class Racer {
  readonly target: Target;
  readonly trail: Trail;
  readonly startedMs: number;
  readonly #abort: LinkedAbort;
  readonly #giveBack: (() => void) | undefined;
  #isRunning = true;
  #hasLost = false;

  /** `giveBack`: to be called when it is over. */
  constructor(call: Call, target: Target, startedMs: number, giveBack: (() => void) | undefined) {
    this.target = target;
    this.trail = { ...forkTrail(call.trail), target };
    this.startedMs = startedMs;
    this.#abort = linkedAbort(call.signal);
    this.#giveBack = giveBack;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** It has answered, or failed. */
  ended(): void {
    this.#isRunning = false;
    this.#abort.release();
    this.#giveBack?.();
  }

  /** Another one was faster, so that it ends at once. It must be running. */
  lost(): void {
    this.#hasLost = true;
    this.#abort.abort(new GatewayError('cancelled', 'Another try of the same call was faster.'));
  }

  /** Completes the trail of one that has lost. If it answered all the same, that has cost something. */
  account(): void {
    const record = this.trail.attempts.at(-1);
    if (!this.#hasLost || !record) return;
    record.leftBecause ||= 'another try was faster';
    const hasAnswered = record.duration !== undefined && record.status === 0;
    if (hasAnswered) addSpent(this.trail, record.usage, record.cost);
  }
}
