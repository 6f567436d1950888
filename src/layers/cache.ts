import { CacheMode, CacheStatus, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Answers } from '../cache/answers.ts';
import { cacheKeys } from '../cache/cache-key.ts';
import { type CacheUse, cacheUse } from '../cache/cacheable.ts';
import type { Entry } from '../cache/entry.ts';
import type { CacheSettings } from '../cache/settings.ts';
import { tenantOf } from '../cache/tenant.ts';
import { addWarnings, type Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete, Layer } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { CacheResult, Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { dropped } from '../core/warnings.ts';
import { Flights, treatment } from '../flights/flights.ts';
import { isAnswer } from '../routing/goals.ts';
import { asking } from './cache/asking.ts';
import { giveKept, nanoUsdOf } from './cache/kept.ts';

export interface Caching {
  readonly settings: CacheSettings;
  readonly answers: Pick<Answers, 'refresh' | 'find' | 'findShared' | 'put' | 'lease' | 'isShared'>;
  /** Where a provider is. Another place has other models under the same names. */
  readonly placeOf: (provider: string) => string;
  /** How long a caller may leave a full buffer unread, unless its policy says so. */
  readonly stallMs: number;
  readonly clock: Clock;
  readonly tell: Tell;
}

/**
 * Gives answers that were kept to calls that ask the same, and one answer to all that ask the same at once. It stands
 * below the choice of models, which are part of what is asked, and above all that costs money: a hit is free.
 *
 * Aborts: rejects with the signal's reason; an answer that other calls wait for goes on without this one. Errors: those of
 * `next`; `cache_miss`; `slow_consumer`.
 */
export function cache(parts: Caching): Layer {
  const { settings, tell } = parts;
  if (!settings.enabled) return withoutCache;
  const keyOf = cacheKeys(settings.secret);
  const flights = new Flights(parts);
  return (next) => async (call) => {
    const [target] = call.targets;
    const use = target && !isAnswer(target) ? cacheUse(call.request, target, settings) : 'bypass';
    if (target && use !== 'bypass') return new CachedCall(call, target, use, parts).answer(next, keyOf, flights);
    tell({ type: 'cache', result: 'bypass' });
    return next(call);
  };
}

/** Where there is no cache, callers are told so who ask for it. */
const withoutCache: Layer = (next) => (call) => {
  const mode = call.request.cache?.mode;
  if (mode === CacheMode.ONLY) return Promise.reject(miss());
  if (mode === CacheMode.DEFAULT || mode === CacheMode.REFRESH)
    addWarnings(call.trail, [dropped('cache.mode', 'The cache was not used: it is switched off.')]);
  return next(call);
};

const miss = () =>
  new GatewayError('cache_miss', 'There is no answer in the cache. Ask with another cache.mode to have a model asked.');

/** One call, and what the cache does for it. */
class CachedCall {
  readonly #call: Call;
  readonly #target: Target;
  readonly #use: Exclude<CacheUse, 'bypass'>;
  readonly #parts: Caching;
  #result: CacheResult = 'miss';
  #savedNanoUsd: bigint | undefined;

  constructor(call: Call, target: Target, use: Exclude<CacheUse, 'bypass'>, parts: Caching) {
    this.#call = call;
    this.#target = target;
    this.#use = use;
    this.#parts = parts;
  }

  async answer(next: Complete, keyOf: ReturnType<typeof cacheKeys>, flights: Flights): Promise<CompleteResponse> {
    const { answers, tell } = this.#parts;
    const entry = this.#entry(keyOf);
    try {
      const stale = answers.refresh();
      if (stale) await stale;
      const known = this.#use === 'write' ? undefined : answers.find(entry);
      if (known) return await this.#give(this.#call, known, 'hit_local');
      if (this.#use === 'read') return await this.#only(entry);
      return await this.#ask(next, entry, flights);
    } finally {
      const savedNanoUsd = this.#savedNanoUsd;
      tell({ type: 'cache', result: this.#result, ...(savedNanoUsd === undefined ? {} : { savedNanoUsd }) });
    }
  }

  #entry(keyOf: ReturnType<typeof cacheKeys>): Entry {
    const { caller, request, policy } = this.#call;
    const { escalation, context } = policy;
    const { provider, model } = this.#target;
    const tenant = tenantOf(caller);
    const place = this.#parts.placeOf(provider);
    const key = keyOf({ tenant, target: this.#target, place, escalation, context, request });
    return { key, tenant, model: `${provider}/${model}` };
  }

  #give(call: Call, answer: CompleteResponse, result: CacheResult): Promise<CompleteResponse> {
    this.#result = result;
    this.#savedNanoUsd = nanoUsdOf(answer.cost);
    return giveKept(call, answer, call.policy.limits.stallMs ?? this.#parts.stallMs, this.#parts.clock);
  }

  async #only(entry: Entry): Promise<CompleteResponse> {
    this.#result = 'absent';
    this.#call.trail.cacheStatus = CacheStatus.MISS;
    const known = await this.#parts.answers.findShared(entry);
    if (!known) throw miss();
    return this.#give(this.#call, known, 'hit_shared');
  }

  async #ask(next: Complete, entry: Entry, flights: Flights): Promise<CompleteResponse> {
    const call = this.#call;
    const { settings, answers } = this.#parts;
    const reads = this.#use === 'read_write';
    const give = (to: Call, answer: CompleteResponse) => this.#give(to, answer, 'hit_shared');
    const ask = asking(next, { settings, answers, entry, target: this.#target, reads, give });
    if (settings.singleFlight) {
      const key = JSON.stringify([entry.key, reads, treatment(call)]);
      return flights.share(call, key, ask, (isFirst) => this.#joins(isFirst, reads));
    }
    this.#joins(true, reads);
    const response = await ask(call);
    response.cacheStatus = call.trail.cacheStatus;
    return response;
  }

  #joins(isFirst: boolean, reads: boolean): void {
    const asked = reads ? CacheStatus.MISS : CacheStatus.BYPASS;
    this.#call.trail.cacheStatus = isFirst ? asked : CacheStatus.SHARED;
    if (isFirst) this.#result = reads ? 'miss' : 'refresh';
    else this.#result = 'shared';
  }
}
