import { CacheStatus, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { linkedAbort } from '../../core/abort.ts';
import { addWarnings, type Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { Complete } from '../../core/complete.ts';
import { GatewayError, toGatewayError } from '../../core/errors.ts';
import type { IdempotencyResult } from '../../core/news.ts';
import { withSpent } from '../../core/spent.ts';
import type { Target } from '../../core/target.ts';
import type { Claim } from '../../idempotency/claim.ts';
import type { Claims, Taken } from '../../idempotency/claims.ts';
import type { IdempotencySettings } from '../../idempotency/settings.ts';
import { isAnswer } from '../../routing/goals.ts';

export interface OneCallParts {
  readonly settings: Pick<IdempotencySettings, 'maxCallMs'>;
  readonly claims: Pick<Claims, 'take'>;
  readonly clock: Clock;
}

/** What all calls of this process with a key are while one is under way: it finds the answer, or asks for it. */
export class OneCall {
  readonly digest: Uint8Array;
  /** Resolves when it is known whether this is the request that the key is for. */
  readonly decided: Promise<void>;
  /** Resolves when it has an answer, or has failed. */
  readonly over: Promise<void>;
  readonly #slot: string;
  readonly #parts: OneCallParts;
  readonly #decided = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  #result: IdempotencyResult = 'new';
  #isAsking = false;
  #isFit = false;

  constructor(slot: string, digest: Uint8Array, parts: OneCallParts) {
    this.#slot = slot;
    this.digest = digest;
    this.#parts = parts;
    this.decided = this.#decided.promise;
    this.over = this.#over.promise;
  }

  /** What it is to whoever has begun it, as far as is known. */
  get result(): IdempotencyResult {
    return this.#result;
  }

  /** Whether it has begun to ask, so that it may cost something. */
  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** Whether the key is for this request, as far as is known. */
  get isFit(): boolean {
    return this.#isFit;
  }

  /** Errors: those of `next`, and why there will be no answer. */
  asking(next: Complete): Complete {
    return async (call) => {
      try {
        const { claims } = this.#parts;
        const taken = await claims.take(this.#slot, this.digest, call.signal, () => this.#fits());
        return await this.#answer(taken, call, next);
      } finally {
        this.#decided.resolve();
        this.#over.resolve();
      }
    };
  }

  #fits(): void {
    this.#isFit = true;
    this.#decided.resolve();
  }

  #answer(taken: Taken, call: Call, next: Complete): Promise<CompleteResponse> | CompleteResponse {
    this.#result = resultOf(taken);
    switch (taken.state) {
      case 'kept':
        return replay(taken.answer, call);
      case 'free':
        return this.#ask(taken.claim, call, next);
      case 'failed':
        throw taken.error;
      case 'mismatch':
        throw mismatch();
      case 'in_progress':
        throw inProgress(this.#parts.clock);
    }
  }

  async #ask(claim: Claim, call: Call, next: Complete): Promise<CompleteResponse> {
    const { clock, settings } = this.#parts;
    const abort = linkedAbort(call.signal);
    const timer = clock.after(settings.maxCallMs, () => abort.abort(tooLong()));
    try {
      abort.signal.throwIfAborted();
      this.#isAsking = true;
      this.#fits();
      const response = await next({ ...call, signal: abort.signal });
      await keep(claim, response, call);
      return response;
    } catch (thrown) {
      await claim.release(toGatewayError(thrown));
      throw thrown;
    } finally {
      timer.cancel();
      abort.release();
    }
  }
}

export const isSame = (one: Uint8Array, other: Uint8Array): boolean => one.every((byte, i) => byte === other[i]);

export const mismatch = () =>
  new GatewayError(
    'idempotency_mismatch',
    'The idempotency key was used for another request. Take a new key for each request, and the same one only to repeat it.',
  );

const tooLong = () =>
  new GatewayError('deadline_exceeded', 'The call took longer than calls with an idempotency key may take here.');

const notAllowed = (target: Target) =>
  new GatewayError(
    'model_not_allowed',
    'The answer to this idempotency key is of a model that this key may not call. Take another idempotency key.',
    { target },
  );

/** By chance between these, so that those who are told at once do not come back at once. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 2_000;

const inProgress = ({ random }: Pick<Clock, 'random'>) =>
  new GatewayError(
    'idempotency_in_progress',
    'A call with this idempotency key is still being worked on. Try again with the same key.',
    { retryAfterMs: Math.round(MIN_RETRY_MS + random() * (MAX_RETRY_MS - MIN_RETRY_MS)) },
  );

function resultOf(taken: Taken): IdempotencyResult {
  switch (taken.state) {
    case 'kept':
      return taken.waited ? 'joined' : 'replayed';
    case 'free':
      return taken.waited ? 'taken_over' : 'new';
    case 'failed':
      return 'joined';
    case 'mismatch':
    case 'in_progress':
      return taken.state;
  }
}

/** It goes in pieces, where it has to, by whoever shares it. */
function replay(answer: CompleteResponse, { trail, caller }: Call): CompleteResponse {
  const target = { provider: answer.provider, model: answer.model };
  trail.target = target;
  if (!isAnswer(target) && !(caller.allowedModels?.(target) ?? true)) throw notAllowed(target);
  trail.cacheStatus = CacheStatus.REPLAYED;
  addWarnings(trail, answer.warnings);
  return answer;
}

/** With what all tries have cost, as the first caller is told it. */
function keep(claim: Claim, response: CompleteResponse, { trail }: Call): Promise<void> {
  const { partialCost, target = { provider: '', model: '' }, warnings } = trail;
  const cost = response.cost && withSpent(response.cost, partialCost);
  return claim.keep({ ...response, ...(cost ? { cost } : {}) }, { target, warnings });
}
