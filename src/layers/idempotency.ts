import { CacheStatus, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { tenantOf } from '../cache/tenant.ts';
import { unlessAborted } from '../core/abort.ts';
import type { Call } from '../core/call.ts';
import type { Complete, Layer } from '../core/complete.ts';
import { toGatewayError } from '../core/errors.ts';
import type { IdempotencyResult, Tell } from '../core/news.ts';
import { Flight } from '../flights/flight.ts';
import { digestOf, slotOf } from '../idempotency/digest.ts';
import { isSame, mismatch, OneCall, type OneCallParts } from './idempotency/one-call.ts';

export interface Idempotency extends OneCallParts {
  /** How long a caller may leave a full buffer unread, unless its policy says so. */
  readonly stallMs: number;
  readonly tell: Tell;
}

/** What is under way under a key in this process. */
interface UnderWay {
  readonly one: OneCall;
  readonly flight: Flight;
}

/**
 * Makes calls with the same key one call: those that come later get the answer of the first one. It stands below
 * governance, so that nobody gets an answer who may not call, and above the cache and all that costs: what is given again
 * is neither looked up nor paid.
 *
 * Aborts: rejects with the signal's reason; but a call that has begun to ask goes on to its end without its caller, who is
 * let go, and rejects then. Errors: those of `next`; `idempotency_mismatch`; `idempotency_in_progress`; `slow_consumer`.
 */
export const idempotency =
  (parts: Idempotency): Layer =>
  (next) => {
    const underWay = new Map<string, UnderWay>();
    return (call) => {
      if (call.request.idempotencyKey === '') return next(call);
      return new RepeatableCall(call, parts, underWay).answer(next);
    };
  };

/** One call with a key. */
class RepeatableCall {
  readonly #call: Call;
  readonly #parts: Idempotency;
  readonly #underWay: Map<string, UnderWay>;
  readonly #slot: string;
  readonly #digest: Uint8Array;

  constructor(call: Call, parts: Idempotency, underWay: Map<string, UnderWay>) {
    this.#call = call;
    this.#parts = parts;
    this.#underWay = underWay;
    this.#slot = slotOf(tenantOf(call.caller), call.request.idempotencyKey);
    this.#digest = digestOf(call.request);
  }

  async answer(next: Complete): Promise<CompleteResponse> {
    const { trail, signal } = this.#call;
    for (;;) {
      const known = this.#underWay.get(this.#slot);
      if (!known) return this.#join(this.#begin(next), true);
      const isEqual = isSame(known.one.digest, this.#digest);
      if (isEqual && this.#mayShare(known.flight)) {
        trail.cacheStatus = CacheStatus.REPLAYED;
        return this.#join(known, false);
      }
      if (!isEqual && known.one.isFit) return this.#refuse();
      // As long as nobody knows, it may itself be the one that does not fit.
      await unlessAborted(isEqual ? known.one.over : known.one.decided, signal);
    }
  }

  /** Another key of the team may be allowed other models: then it is looked at first whose answer it is. */
  #mayShare({ caller }: Flight): boolean {
    const { name, allowedModels } = this.#call.caller;
    return allowedModels === undefined || caller.name === name;
  }

  #begin(next: Complete): UnderWay {
    const { settings, claims, clock, stallMs } = this.#parts;
    const one = new OneCall(this.#slot, this.#digest, { settings, claims, clock });
    const flight = new Flight(this.#call, {
      clock,
      stallMs: ({ policy }) => policy.limits.stallMs ?? stallMs,
      ask: one.asking(next),
      goesOn: (reason) => one.isAsking && isOfCaller(reason),
      closed: () => this.#underWay.delete(this.#slot),
    });
    const begun = { one, flight };
    this.#underWay.set(this.#slot, begun);
    return begun;
  }

  async #join({ one, flight }: UnderWay, isFirst: boolean): Promise<CompleteResponse> {
    try {
      return await flight.join(this.#call);
    } finally {
      this.#tell(isFirst || !one.isAsking ? one.result : 'joined');
    }
  }

  #refuse(): never {
    this.#tell('mismatch');
    throw mismatch();
  }

  #tell(result: IdempotencyResult): void {
    this.#parts.tell({ type: 'idempotency', result });
  }
}

/** The gateway's own reasons to end a call, such as want of memory, count without its caller too. */
const isOfCaller = (reason: unknown): boolean =>
  ['cancelled', 'deadline_exceeded', 'slow_consumer'].includes(toGatewayError(reason).kind);
