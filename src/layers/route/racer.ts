import type { Attempt, CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { type LinkedAbort, linkedAbort } from '../../core/abort.ts';
import type { Call, Trail } from '../../core/call.ts';
import { GatewayError } from '../../core/errors.ts';
import { addSpent, forkTrail } from '../../core/spent.ts';
import type { Target } from '../../core/target.ts';
import { estimateUsage } from '../../core/usage.ts';
import type { RouteParts } from './parts.ts';

/** One of several tries that run at once. */
export class Racer {
  readonly target: Target;
  readonly trail: Trail;
  readonly startedMs: number;
  readonly #abort: LinkedAbort;
  readonly #giveBack: (() => void) | undefined;
  #isRunning = true;
  #hasLost = false;
  /** The record of the try that was with a provider when another one won. */
  #cutOff: Attempt | undefined;

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
    const last = this.trail.attempts.at(-1);
    this.#hasLost = true;
    this.#cutOff = last?.duration === undefined ? last : undefined;
    this.#abort.abort(new GatewayError('cancelled', 'Another try of the same call was faster.'));
  }

  /** Completes the trail of one that has lost, with what it will have cost: what it says, or an estimate. */
  account(request: CompleteRequest, price: RouteParts['price']): void {
    const record = this.trail.attempts.at(-1);
    if (!this.#hasLost || !record) return;
    record.leftBecause ||= 'another try was faster';
    const hasAnswered = record.duration !== undefined && record.status === 0;
    if (record === this.#cutOff && !record.usage) {
      record.usage = estimateUsage(request, []);
      record.cost = price(this.target, record.usage);
      addSpent(this.trail, record.usage, record.cost);
    } else if (hasAnswered) addSpent(this.trail, record.usage, record.cost);
  }
}
