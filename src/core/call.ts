import {
  type Attempt,
  CacheStatus,
  type CallContext,
  type CompleteRequest,
  type Cost,
  type Usage,
  type Warning,
} from '#gen/antiphon/v1/completion_pb.js';
import type { GatewayError } from './errors.ts';
import type { Sink } from './events.ts';
import type { Allowance } from './limits.ts';
import type { ModelMatcher } from './patterns.ts';
import { noPolicy, type Policy, type Priority } from './policy.ts';
import type { Role } from './roles.ts';
import type { Span } from './span.ts';
import type { Target } from './target.ts';

/** A key of a provider. */
export interface ApiKey {
  /** The variable that it comes from, or the name that the configuration gives it. Safe to show. */
  readonly name: string;
  /** The key itself. It goes into the headers of requests to the provider, and nowhere else. */
  readonly value: string;
  /** Its share of the calls, against those of the provider's other keys. */
  readonly weight: number;
}

/** Who calls. Nothing of it is the caller's own word. */
export interface Caller {
  /** The name of the key. Safe to show. */
  readonly name: string;
  /** Empty: none. */
  readonly team: string;
  readonly roles: readonly Role[];
  /** What the key and its team leave of what may be called here. Undefined: all of it. */
  readonly allowedModels: ModelMatcher | undefined;
  /** Nobody asked for a key. The name is then the same for all. */
  readonly isAnonymous: boolean;
}

/** Whoever calls where no key is asked for. */
export const anonymous: Caller = {
  name: 'anonymous',
  team: '',
  roles: ['caller', 'viewer'],
  allowedModels: undefined,
  isAnonymous: true,
};

/**
 * What has been found out about a call so far. Unlike the call it is one object for the whole call: layers below add
 * to it, and those above read it also when the call fails.
 */
export interface Trail {
  /** The target last tried, or chosen to be. */
  target: Target | undefined;
  selectionReason: string;
  /** The name of the operator's rule that the call goes by. Undefined: none matched. */
  rule: string | undefined;
  /** What the cache did. */
  cacheStatus: CacheStatus;
  /** How often the call went on to another target. */
  fallbacks: number;
  readonly attempts: Attempt[];
  readonly warnings: Warning[];
  /** How many messages the target did not get, since they did not fit into its context. */
  messagesLeftOut: number;
  /** Time spent waiting for providers, and for servers of files, in milliseconds. */
  upstreamMs: number;
  /** Time spent waiting for a turn, in milliseconds. */
  queuedMs: number;
  /** When the first content came, by the clock. */
  firstTokenAtMs: number | undefined;
  /** What tries used that did not give the answer, together: those that broke off, and those that lost a race. */
  partialUsage: Usage | undefined;
  /** What that cost. */
  partialCost: Cost | undefined;
}

export const newTrail = (): Trail => ({
  target: undefined,
  selectionReason: '',
  rule: undefined,
  cacheStatus: CacheStatus.BYPASS,
  fallbacks: 0,
  attempts: [],
  warnings: [],
  messagesLeftOut: 0,
  upstreamMs: 0,
  queuedMs: 0,
  firstTokenAtMs: undefined,
  partialUsage: undefined,
  partialCost: undefined,
});

/** Adds what is not there yet: another try at the same provider drops the same fields again. */
export function addWarnings(trail: Trail, warnings: Iterable<Warning>): void {
  for (const warning of warnings) {
    const { field, message } = warning;
    if (!trail.warnings.some((known) => known.field === field && known.message === message))
      trail.warnings.push(warning);
  }
}

/** One call on its way. Never changed: a layer passes on a copy with what it adds. */
export interface Call {
  /** The gateway's id of the call, unique. */
  readonly id: string;
  readonly request: CompleteRequest;
  readonly caller: Caller;
  /** The ids the call carries, complete: made where the caller gave none. */
  readonly context: CallContext;
  /** Aborted with a GatewayError as its reason: the caller has gone, the deadline has passed, the gateway stops. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, by the clock; undefined: never. */
  readonly deadlineMs: number | undefined;
  /** When the call came, by the clock. */
  readonly receivedMs: number;
  /** The span that what comes next is part of. */
  readonly span: Span;
  readonly trail: Trail;
  /** What the operator's rules say of it. Filled by `rules`. */
  readonly policy: Policy;
  /** What goes first where there is too little room. Filled by `rules`. */
  readonly priority: Priority;
  /** Where the call may go, best first. Filled by `govern`. */
  readonly targets: readonly Target[];
  /** Where it goes now. Filled by `route`. */
  readonly target: Target | undefined;
  /** No other target is left, so that one that is set aside is tried all the same. Filled by `route`. */
  readonly isLast: boolean;
  /**
   * When this try must have its first token, or its whole answer if it does not stream, by the clock, so that there is
   * time for the next target. Undefined: there is none, or no deadline. Filled by `route`.
   */
  readonly answerByMs: number | undefined;
  /** The key to sign with. Filled by `keys`; undefined: the provider has none. */
  readonly key: ApiKey | undefined;
  /** The record of this try, also in the trail. Filled by `attempt`. */
  readonly attempt: Attempt | undefined;
  /** To be called when the request is on a connection to the provider. Replaced by `timeouts`. */
  readonly onConnected: () => void;
  /** What it may use. Filled by `budget`; undefined: nothing limits it. */
  readonly allowance: Allowance | undefined;
  /** Where the pieces go, if the call streams. */
  readonly sink: Sink | undefined;
  /** To be called when the work goes on for others, and the caller gets this error at once instead of an answer. */
  readonly letGo: (error: GatewayError) => void;
}

/** A call before any layer has seen it. */
export type NewCall = Omit<
  Call,
  | 'policy'
  | 'priority'
  | 'targets'
  | 'target'
  | 'isLast'
  | 'answerByMs'
  | 'key'
  | 'attempt'
  | 'onConnected'
  | 'allowance'
  | 'letGo'
>;

export const newCall = (call: NewCall): Call => ({
  ...call,
  policy: noPolicy,
  priority: 'normal',
  targets: [],
  target: undefined,
  isLast: true,
  answerByMs: undefined,
  key: undefined,
  attempt: undefined,
  onConnected: () => undefined,
  allowance: undefined,
  letGo: () => undefined,
});
