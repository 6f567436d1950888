import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { addWarnings, type Call, type Trail } from '../../core/call.ts';
import type { Complete } from '../../core/complete.ts';
import { GatewayError, toGatewayError } from '../../core/errors.ts';
import { restart, type Sink } from '../../core/events.ts';
import { addSpent, forkTrail, joinTrail } from '../../core/spent.ts';
import type { Target } from '../../core/target.ts';
import { TrySink } from '../../core/try-sink.ts';
import { mayBeginAnew, replay } from './anew.ts';
import { worthlessness } from './shortcomings.ts';

/** The record of the try that gave the answer. */
const answering = ({ attempts }: Trail) =>
  attempts.findLast(({ status, leftBecause }) => status === 0 && leftBecause === '');

/** An answer that is not good enough. */
export interface First {
  readonly response: CompleteResponse;
  readonly from: Target;
  /** How many warnings there were before it. */
  readonly known: number;
}

/** One call's way from an answer that is not good enough to the one that counts. */
export class SecondAnswer {
  readonly #call: Call;
  readonly #first: First;
  readonly #because: string;
  readonly #fork: Trail;
  readonly #warnings: Trail['warnings'];

  constructor(call: Call, first: First, because: string) {
    this.#call = call;
    this.#first = first;
    this.#because = because;
    this.#fork = forkTrail(call.trail);
    this.#warnings = [...call.trail.warnings];
  }

  /**
   * Aborts: rejects as `next` does. Errors: those of `next`, if what it has sent to the caller cannot be voided.
   */
  async ask(next: Complete, targets: readonly Target[]): Promise<CompleteResponse> {
    const { trail, sink, request, signal } = this.#call;
    const { response } = this.#first;
    const left = answering(trail);
    if (left) left.leftBecause = this.#because;
    const anew = sink && new TrySink(sink, () => this.#begin(sink));
    const call = { ...this.#call, targets, trail: this.#fork, sink: anew };
    const second = await next(call).catch(toGatewayError);
    joinTrail(trail, this.#fork);
    trail.fallbacks += this.#fork.fallbacks;
    const failed = second instanceof GatewayError;
    const isBound = anew?.committed === true && !mayBeginAnew(request);
    if (failed && (isBound || signal.aborted)) throw this.#lost(second);
    const isGood = !failed && worthlessness(second, request) <= worthlessness(response, request);
    if (!failed && (isBound || isGood)) {
      // What the caller has of the first answer is void, even if nothing takes its place.
      if (sink?.committed && !anew?.committed) this.#begin(sink);
      return this.#stronger(second);
    }
    if (!failed) this.#leave(second);
    if (anew?.committed) await this.#giveAgain(anew, failed ? second.rule.reason : ErrorReason.UNSPECIFIED);
    if (left) left.leftBecause = '';
    return this.#restored();
  }

  /** Before the first piece of the second answer. */
  #begin(sink: Sink): true {
    if (sink.committed) sink.emit(restart(this.#fork.target ?? this.#first.from, ErrorReason.UNSPECIFIED));
    else this.#takeOver();
    return true;
  }

  /** Puts the second answer's facts in the place of the first one's. */
  #takeOver(): void {
    const { trail } = this.#call;
    trail.target = this.#fork.target;
    trail.warnings.splice(this.#first.known);
    addWarnings(trail, this.#fork.warnings);
  }

  #stronger(second: CompleteResponse): CompleteResponse {
    const { trail } = this.#call;
    this.#takeOver();
    this.#spendFirst();
    trail.selectionReason = `${this.#fork.selectionReason}; then a stronger model, since ${this.#because}`;
    return second;
  }

  #leave(second: CompleteResponse): void {
    const { trail } = this.#call;
    const left = answering(trail);
    if (left) left.leftBecause = 'the first answer was better';
    addSpent(trail, second.usage, second.cost);
  }

  #restored(): CompleteResponse {
    const { trail } = this.#call;
    trail.target = this.#first.from;
    trail.warnings.splice(0, trail.warnings.length, ...this.#warnings);
    return this.#first.response;
  }

  async #giveAgain(sink: Sink, reason: ErrorReason): Promise<void> {
    const { response, from } = this.#first;
    sink.emit(restart(from, reason));
    await replay(response.content, sink, this.#call.signal).catch((thrown) => {
      throw this.#lost(thrown);
    });
  }

  /** The error of a call that gets no answer after all. */
  #lost<E>(error: E): E {
    this.#spendFirst();
    return error;
  }

  #spendFirst(): void {
    const { usage, cost } = this.#first.response;
    addSpent(this.#call.trail, usage, cost);
  }
}
