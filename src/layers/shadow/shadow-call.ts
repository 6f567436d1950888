import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { type LinkedAbort, linkedAbort, unlessAborted } from '../../core/abort.ts';
import { type Call, newTrail } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { Complete } from '../../core/complete.ts';
import { GatewayError, toGatewayError } from '../../core/errors.ts';
import type { Tell } from '../../core/news.ts';
import { sleep } from '../../core/sleep.ts';
import { noSpan } from '../../core/span.ts';
import { withSpent } from '../../core/spent.ts';
import type { Target } from '../../core/target.ts';
import { comparison, type Ended } from './comparison.ts';

export interface ShadowParts {
  /** Sends a call to its target: all that stands around a provider, and the provider. */
  readonly send: Complete;
  readonly clock: Clock;
  readonly tell: Tell;
}

/**
 * What would take the caller's time waits so long: sending the copy until the call itself is on its way, and comparing
 * until the answer has gone out.
 */
const ASIDE_MS = 1;

const failed = () => new GatewayError('cancelled', 'The call failed whose shadow this is.');

/** The copy of one call. */
export class ShadowCall {
  readonly #parts: ShadowParts;
  readonly #call: Call;
  readonly #target: Target;
  readonly #abort: LinkedAbort;
  readonly #answered = Promise.withResolvers<void>();
  /** How the call itself came to its end; undefined: not yet, or nothing is known of its target. */
  #answer: Ended | undefined;

  constructor(parts: ShadowParts, call: Call, target: Target) {
    this.#parts = parts;
    this.#call = call;
    this.#target = target;
    this.#abort = linkedAbort(call.signal);
  }

  /** Resolves when it is over, and what there is to tell has been told. Never rejects. */
  async run(): Promise<void> {
    const { clock, tell } = this.#parts;
    const { signal } = this.#abort;
    try {
      await sleep(ASIDE_MS, clock, signal);
      const shadow = await this.#send();
      await unlessAborted(this.#answered.promise, signal);
      await sleep(ASIDE_MS, clock, signal);
      if (this.#answer) tell({ type: 'shadowed', comparison: comparison(this.#call.request, this.#answer, shadow) });
    } catch {
      // It was ended, so that there is nothing to compare.
    } finally {
      this.#abort.release();
    }
  }

  /** Takes note of how the call itself ends. The caller who leaves after that does not end the shadow. */
  follow(answer: Promise<CompleteResponse>, startedMs: number): void {
    answer.then(
      ({ content, cost }) => {
        const { target, partialCost } = this.#call.trail;
        const durationMs = this.#parts.clock.now() - startedMs;
        this.#abort.release();
        this.#answer = target && {
          target,
          error: undefined,
          durationMs,
          cost: cost && withSpent(cost, partialCost),
          content,
        };
        this.#answered.resolve();
      },
      () => this.end(failed()),
    );
  }

  end(reason: GatewayError): void {
    this.#abort.abort(reason);
  }

  /** An error is part of what is told. */
  async #send(): Promise<Ended> {
    const { send, clock } = this.#parts;
    const target = this.#target;
    const trail = newTrail();
    const startedMs = clock.now();
    try {
      const { content, cost } = await send(this.#copy(trail));
      const durationMs = clock.now() - startedMs;
      return { target, error: undefined, durationMs, cost: cost && withSpent(cost, trail.partialCost), content };
    } catch (thrown) {
      const durationMs = clock.now() - startedMs;
      return { target, error: toGatewayError(thrown).kind, durationMs, cost: trail.partialCost, content: [] };
    }
  }

  /** It has the limits of its target instead of the caller's deadline, and does not insist on a target set aside. */
  #copy(trail: Call['trail']): Call {
    return {
      ...this.#call,
      // Nobody has asked for it, so nobody pays for it.
      allowance: undefined,
      signal: this.#abort.signal,
      deadlineMs: undefined,
      span: noSpan,
      trail,
      priority: 'low',
      targets: [this.#target],
      target: this.#target,
      isLast: false,
      answerByMs: undefined,
      sink: undefined,
    };
  }
}
