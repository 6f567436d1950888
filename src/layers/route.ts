import { BrokenStreamPolicy, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { Call } from '../core/call.ts';
import type { Complete } from '../core/complete.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import { restart, type Sink } from '../core/events.ts';
import type { Hedging } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { TrySink } from '../core/try-sink.ts';
import { Candidates } from './route/candidates.ts';
import { type Failure, Failures, failureAt, leave, noteRefusal } from './route/failures.ts';
import type { RouteParts } from './route/parts.ts';
import { type OwnParts, Race, type Track } from './route/race.ts';

/**
 * Sends the call to its targets, one after the other, until one answers: the next one where the error says that it may
 * do better, nothing has gone to the caller, and there is time. What stands below is per target, so that one provider's
 * trouble is not another's; what stands above is per call.
 *
 * A stream that has begun goes on elsewhere only if the caller wants that; then `restart` comes before its first piece.
 *
 * Aborts: every try under way is ended, and no other begun. Errors: the most telling one, with the least known wait.
 */
export const route =
  (parts: RouteParts): Complete =>
  (call) => {
    const [target] = call.targets;
    if (!target) return Promise.reject(noProvider());
    if (call.targets.length > 1 || call.policy.hedging) return new Routing(parts, call).run(target);
    call.trail.target = target;
    return onlyTo(target, call, parts);
  };

async function onlyTo(target: Target, call: Call, { stackOf }: RouteParts): Promise<CompleteResponse> {
  const stack = stackOf(target.provider);
  if (!stack) throw noProvider();
  try {
    return await stack({ ...call, target, isLast: true });
  } catch (thrown) {
    noteRefusal(target, toGatewayError(thrown), call.trail);
    throw thrown;
  }
}

const noProvider = () => new GatewayError('internal', 'No provider can take this call. Report its x-request-id.');

/** The way of one call to its targets. */
class Routing implements Track {
  readonly call: Call;
  readonly candidates: Candidates;
  readonly #parts: RouteParts;
  readonly #failures: Failures;
  /** How many warnings do not come from a target. */
  readonly #warnings: number;
  #hedges = 0;
  #last: Failure | undefined;
  /** Why what the caller has is void, until it is told. */
  #voided: ErrorReason | undefined;

  constructor(parts: RouteParts, call: Call) {
    this.call = call;
    this.candidates = new Candidates(parts, call);
    this.#parts = parts;
    this.#failures = new Failures(parts.clock);
    this.#warnings = call.trail.warnings.length;
  }

  async run(first: Target): Promise<CompleteResponse> {
    const { trail, span } = this.call;
    let target = this.candidates.first() ?? first;
    let giveBack: (() => void) | undefined;
    try {
      for (;;) {
        let error: GatewayError;
        try {
          const response = await this.#ask(target);
          this.#beginAnew(trail.target ?? target);
          return response;
        } catch (thrown) {
          error = toGatewayError(thrown);
        } finally {
          giveBack?.();
        }
        target = this.#nextAfter(error);
        giveBack = this.#moveTo(target);
      }
    } finally {
      if (trail.fallbacks > 0) span.set({ 'antiphon.fallback.moves': trail.fallbacks });
    }
  }

  async send(target: Target, { trail, signal, begin }: OwnParts): Promise<CompleteResponse> {
    const stack = this.#parts.stackOf(target.provider);
    if (!stack) throw noProvider();
    const { areOver: isLast, answerByMs } = this.candidates;
    return stack({ ...this.call, trail, signal, target, isLast, answerByMs, sink: this.#sinkFor(target, begin) });
  }

  failed(failure: Failure): void {
    this.#last = failure;
    this.#failures.add(failure);
  }

  async #ask(target: Target): Promise<CompleteResponse> {
    const { trail, signal, policy } = this.call;
    this.candidates.take(target);
    trail.target = target;
    if (policy.hedging && this.#hedges < policy.hedging.max) return this.#race(target, policy.hedging);
    const attemptsBefore = trail.attempts.length;
    try {
      return await this.send(target, { trail, signal });
    } catch (thrown) {
      this.failed(failureAt(target, toGatewayError(thrown), trail, attemptsBefore));
      throw thrown;
    }
  }

  async #race(target: Target, { afterMs, max }: Hedging): Promise<CompleteResponse> {
    const race = new Race(this.#parts, this, { afterMs, max: max - this.#hedges });
    try {
      return await race.run(target);
    } finally {
      this.#hedges += race.hedges;
    }
  }

  /** The target to go on to. Errors: what the caller is told, if there is none. */
  #nextAfter(error: GatewayError): Target {
    const { signal, trail } = this.call;
    if (signal.aborted) throw error;
    const next = this.#mayMove ? this.candidates.next() : undefined;
    if (next) return next;
    trail.target = this.#failures.target;
    throw this.#failures.told ?? error;
  }

  get #mayMove(): boolean {
    const { sink, request } = this.call;
    if (this.#failures.areFinal) return false;
    return !sink?.committed || request.onBrokenStream === BrokenStreamPolicy.RESTART;
  }

  /** What it gives is to be called when the try there is over. */
  #moveTo(to: Target): (() => void) | undefined {
    if (!this.#last) return undefined;
    const { trail, sink } = this.call;
    const { target: from, error } = this.#last;
    leave(this.#last, `went on to ${to.provider}/${to.model}`);
    // They are about requests that count for nothing.
    trail.warnings.length = this.#warnings;
    trail.messagesLeftOut = 0;
    trail.fallbacks++;
    const move = { from, to, reason: error.kind };
    if (sink?.committed) {
      this.#voided ??= error.rule.reason;
      this.#parts.tell({ type: 'restarted', ...move });
    } else this.#parts.tell({ type: 'moved', ...move });
    return from.provider === to.provider ? undefined : this.#parts.budgetOf(to.provider).count();
  }

  /** The caller's own sink, unless more must be known of what went there than that something did. */
  #sinkFor(target: Target, begin: (() => boolean) | undefined): Sink | undefined {
    const { sink } = this.call;
    if (!sink || (!begin && this.#voided === undefined)) return sink;
    return new TrySink(sink, () => {
      if (begin && !begin()) return false;
      this.#beginAnew(target);
      return true;
    });
  }

  /** Tells the caller that what it has is void, if it is. */
  #beginAnew(target: Target): void {
    if (this.#voided === undefined) return;
    const event = restart(target, this.#voided);
    this.#voided = undefined;
    this.call.sink?.emit(event);
  }
}
