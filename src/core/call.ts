import type { Attempt, CallContext, CompleteRequest, Cost, Usage, Warning } from '#gen/antiphon/v1/completion_pb.js';
import type { Sink } from './events.ts';
import type { Span } from './span.ts';

/** A model at a provider. */
export interface Target {
  /** The name under which the provider is configured. */
  readonly provider: string;
  /** The model's id, as the provider knows it. */
  readonly model: string;
}

/** A key of a provider. */
export interface ApiKey {
  /** The variable that it comes from, or the name that the configuration gives it. Safe to show. */
  readonly name: string;
  /** The key itself. It goes into the headers of requests to the provider, and nowhere else. */
  readonly value: string;
  /** Its share of the calls, against those of the provider's other keys. */
  readonly weight: number;
}

/** Who calls. */
export interface Caller {
  readonly name: string;
}

export const anonymous: Caller = { name: 'anonymous' };

/**
 * What has been found out about a call so far. Unlike the call it is one object for the whole call: layers below add
 * to it, and those above read it also when the call fails.
 */
export interface Trail {
  /** The target last tried, or chosen to be. */
  target: Target | undefined;
  selectionReason: string;
  readonly attempts: Attempt[];
  readonly warnings: Warning[];
  /** Time spent waiting for providers, and for servers of files, in milliseconds. */
  upstreamMs: number;
  /** When the first content came, by the clock. */
  firstTokenAtMs: number | undefined;
  /** An estimate of the tokens used by a call that failed after content had come. */
  partialUsage: Usage | undefined;
  /** What that cost. */
  partialCost: Cost | undefined;
}

export const newTrail = (): Trail => ({
  target: undefined,
  selectionReason: '',
  attempts: [],
  warnings: [],
  upstreamMs: 0,
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
  /** Where the call may go, best first. Filled by `govern`. */
  readonly targets: readonly Target[];
  /** Where it goes now. Filled by `route`. */
  readonly target: Target | undefined;
  /** The key to sign with. Filled by `keys`; undefined: the provider has none. */
  readonly key: ApiKey | undefined;
  /** The record of this try, also in the trail. Filled by `attempt`. */
  readonly attempt: Attempt | undefined;
  /** To be called when the request is on a connection to the provider. Replaced by `timeouts`. */
  readonly onConnected: () => void;
  /** Where the pieces go, if the call streams. */
  readonly sink: Sink | undefined;
}
