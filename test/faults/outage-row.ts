import { status } from '@grpc/grpc-js';
import type { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { Place } from './outage-stage.ts';
import type { How } from './upstream-scene.ts';

/** What comes of a kind of failure. */
interface Outcome {
  readonly code: status;
  /** How often the provider is tried if there is no other, and if there is one. */
  readonly alone: number;
  readonly before: number;
  /** Whether the other one is asked. */
  readonly moves: boolean;
}

const outcome = (code: status, alone: number, before: number, moves: boolean): Outcome => ({
  code,
  alone,
  before,
  moves,
});

const mayPass = outcome(status.UNAVAILABLE, 4, 2, true);
const ofCaller = outcome(status.INVALID_ARGUMENT, 1, 1, false);
const ofGateway = outcome(status.FAILED_PRECONDITION, 1, 1, true);

/** Written down once more, so that a change of the table of errors is noticed here. */
export const outcomes = {
  UPSTREAM_UNREACHABLE: mayPass,
  UPSTREAM_TLS: outcome(status.UNAVAILABLE, 1, 1, true),
  UPSTREAM_TIMEOUT: outcome(status.UNAVAILABLE, 2, 1, true),
  UPSTREAM_RESET: mayPass,
  UPSTREAM_INCOMPLETE: mayPass,
  UPSTREAM_BAD_RESPONSE: mayPass,
  UPSTREAM_OVERLOADED: mayPass,
  UPSTREAM_ERROR: mayPass,
  UPSTREAM_RATE_LIMITED: outcome(status.RESOURCE_EXHAUSTED, 4, 2, true),
  UPSTREAM_TOO_LARGE: outcome(status.RESOURCE_EXHAUSTED, 1, 1, true),
  UPSTREAM_REJECTED: ofCaller,
  CONTENT_BLOCKED: ofCaller,
  REQUEST_TOO_LARGE: outcome(status.RESOURCE_EXHAUSTED, 1, 1, false),
  CONTEXT_LENGTH_EXCEEDED: outcome(status.INVALID_ARGUMENT, 1, 1, true),
  UPSTREAM_NOT_FOUND: outcome(status.NOT_FOUND, 1, 1, true),
  UPSTREAM_AUTH: ofGateway,
  UPSTREAM_BILLING: ofGateway,
} as const satisfies Partial<Record<keyof typeof ErrorReason, Outcome>>;

export type Reason = keyof typeof outcomes;

/** A row of the catalogue of faults, as far as it is about a provider that fails before it has answered anything. */
export interface OutageRow {
  readonly row: number;
  readonly what: string;
  readonly reason: Reason;
  begin(): Promise<Place>;
  /** Default: both. */
  readonly hows?: readonly How[];
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly limits?: Readonly<Record<string, number>>;
  /** The answer was heard to its end, so that its connection waits for the next request. */
  readonly keeps?: boolean;
  /** A call that goes well comes first, and its connection is used again. */
  readonly afterOther?: boolean;
  /** Requests besides one for each try. */
  readonly extra?: number;
}

/** Long enough for a provider in good health, even on a busy machine. */
const PATIENCE_MS = 500;

/** For those rows in which a provider keeps one waiting. */
export const impatient = {
  timeouts: { connect_ms: PATIENCE_MS, first_token_ms: PATIENCE_MS, total_ms: PATIENCE_MS },
} as const;
