import type { AlertKind, Crossing } from './alert.ts';
import type { ErrorKind } from './errors.ts';
import type { Limit, LimitUnit, LimitWindow, Subject, SubjectKind } from './limits.ts';
import type { EscalationCause, Priority } from './policy.ts';
import type { Target } from './target.ts';

/** How two answers to the same call compare: one that the caller got, and one that nobody did. */
export interface ShadowComparison {
  readonly target: Target;
  readonly shadow: Target;
  /** Undefined: it succeeded. */
  readonly error: ErrorKind | undefined;
  readonly durationMs: number;
  readonly shadowDurationMs: number;
  /** Thousand-millionths of a US dollar; undefined: not known. */
  readonly costNanoUsd: number | undefined;
  readonly shadowCostNanoUsd: number | undefined;
  /** Characters of text. */
  readonly length: number;
  readonly shadowLength: number;
  /** Undefined: no schema was asked for. */
  readonly fitsSchema: boolean | undefined;
  readonly shadowFitsSchema: boolean | undefined;
}

/**
 * What happens on the way of calls, for metrics, the log and whoever else listens. It never holds content, and no text
 * that a caller has written.
 */
export type News =
  /** A try is repeated at the same target. */
  | { readonly type: 'retried'; readonly target: Target; readonly reason: ErrorKind; readonly waitMs: number }
  /** The retry budget of a provider did not allow a further try. */
  | { readonly type: 'budget_spent'; readonly provider: string }
  /** A call goes on to another target. */
  | { readonly type: 'moved'; readonly from: Target; readonly to: Target; readonly reason: ErrorKind }
  /** The same after content had gone to the caller. */
  | { readonly type: 'restarted'; readonly from: Target; readonly to: Target; readonly reason: ErrorKind }
  /** A further try was sent while the first went on; `won`: its answer was the first. */
  | { readonly type: 'hedged'; readonly target: Target; readonly won: boolean }
  | { readonly type: 'escalated'; readonly from: Target; readonly to: Target; readonly cause: EscalationCause }
  | { readonly type: 'shadowed'; readonly comparison: ShadowComparison }
  /** A shadow was not sent, since too many are under way. */
  | { readonly type: 'shadow_skipped'; readonly target: Target }
  | { readonly type: 'shed'; readonly priority: Priority; readonly cause: 'delay' | 'memory' }
  /** A call under way was ended to save the process. */
  | { readonly type: 'ended_for_memory' }
  | { readonly type: 'queue_refused'; readonly provider: string; readonly cause: 'full' | 'too_late' | 'too_long' }
  | {
      readonly type: 'breaker';
      readonly target: Target;
      readonly state: 'closed' | 'open' | 'half_open';
      /** The last failure. */
      readonly reason: ErrorKind | undefined;
    }
  /** No model answered, so that the caller gets the configured answer. */
  | { readonly type: 'fallback_answered'; readonly answer: string }
  /** A call was over as far as the cache goes. `savedNanoUsd`: what the answer had cost that it gave. */
  | { readonly type: 'cache'; readonly result: CacheResult; readonly savedNanoUsd?: bigint }
  /** A request did not fit into the context of its target. `trimmed`: so many messages were left out. */
  | { readonly type: 'context_trimmed'; readonly provider: string; readonly messages: number }
  | { readonly type: 'context_clamped' | 'context_rejected'; readonly provider: string }
  /** An answer used the provider's prompt cache: what that saved, and what writing to it cost beyond plain input. */
  | {
      readonly type: 'prompt_cache';
      readonly target: Target;
      readonly savedNanoUsd: bigint;
      readonly surchargeNanoUsd: bigint;
    }
  /** A call with an idempotency key was over as far as the key goes. */
  | { readonly type: 'idempotency'; readonly result: IdempotencyResult }
  /** A probe changed whether a provider counts as working. */
  | {
      readonly type: 'probe';
      readonly provider: string;
      readonly works: boolean;
      readonly reason: ErrorKind | undefined;
    }
  /** A call was refused, since a limit has no room for it. */
  | {
      readonly type: 'limit_refused';
      readonly subject: SubjectKind;
      readonly unit: LimitUnit;
      readonly window: LimitWindow;
    }
  /** A share of a limit is used up, from 0 to 1. */
  | { readonly type: 'limit_alert'; readonly subject: Subject; readonly limit: Limit; readonly share: number }
  /** Calls have reached a threshold of the operator's. */
  | ({ readonly type: 'alert'; readonly kind: Exclude<AlertKind, 'limit'> } & Omit<Crossing, 'kind'>)
  /** The store failed, so that a call went on without its limits. */
  | { readonly type: 'limits_unchecked'; readonly cause: string }
  /** What the store was to keep is lost: it has failed for too long. */
  | { readonly type: 'records_lost'; readonly kind: RecordKind; readonly count: number };

/** What is written down besides what calls draw on: counts of usage, and audit events. */
export type RecordKind = 'usage' | 'audit';

export const recordKinds: readonly RecordKind[] = ['usage', 'audit'];

/**
 * `hit_local`, `hit_shared`: there was an answer in this process, or in the shared store. `shared`: an equal call was under
 * way. `refresh`: not looked up. `absent`: there was none for a call that wanted no other. `bypass`: not used.
 */
export type CacheResult = 'hit_local' | 'hit_shared' | 'miss' | 'shared' | 'refresh' | 'absent' | 'bypass';

export const cacheResults: readonly CacheResult[] = [
  'hit_local',
  'hit_shared',
  'miss',
  'shared',
  'refresh',
  'absent',
  'bypass',
];

/**
 * `new`: the key was not known. `replayed`: there was an answer. `joined`: an equal call was under way, and its answer or
 * failure was waited for. `taken_over`: whoever was at work is gone. `mismatch`: the key is for another request.
 * `in_progress`: it was waited for in vain.
 */
export type IdempotencyResult = 'new' | 'replayed' | 'joined' | 'taken_over' | 'mismatch' | 'in_progress';

export const idempotencyResults: readonly IdempotencyResult[] = [
  'new',
  'replayed',
  'joined',
  'taken_over',
  'mismatch',
  'in_progress',
];

export type Tell = (news: News) => void;
