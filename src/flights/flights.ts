import { BrokenStreamPolicy, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete } from '../core/complete.ts';
import { type ErrorKind, type GatewayError, toGatewayError } from '../core/errors.ts';
import { Flight } from './flight.ts';

export interface FlightsParts {
  readonly clock: Clock;
  /** How long a caller may leave a full buffer unread, unless its policy says so. */
  readonly stallMs: number;
}

/** Errors that come of there being too little time. */
const OF_TIME: ReadonlySet<ErrorKind> = new Set(['deadline_exceeded', 'queue_full', 'upstream_timeout']);

/** Calls that are under way, by what they ask. */
export class Flights {
  readonly #parts: FlightsParts;
  readonly #flights = new Map<string, Flight>();

  constructor(parts: FlightsParts) {
    this.#parts = parts;
  }

  /** Flights that may be joined. */
  get size(): number {
    return this.#flights.size;
  }

  /**
   * Joins the flight of this key, or begins one with `ask`. `joins` is told which before, and again if the call begins
   * anew.
   *
   * Of the calls that have joined and whose callers have got nothing yet, some begin anew when the flight fails: for want
   * of time, if they have twice as much; by the limits of another caller; and, once, if they do not stream and a stream
   * breaks off that had begun.
   *
   * Aborts: as Flight. Errors: those of `ask`, and `slow_consumer`.
   */
  async share(call: Call, key: string, ask: Complete, joins: (isFirst: boolean) => void): Promise<CompleteResponse> {
    for (let wasBroken = false; ; ) {
      const known = this.#flights.get(key);
      const flight = known ?? this.#begin(key, call, ask);
      joins(known === undefined);
      try {
        return await flight.join(call);
      } catch (thrown) {
        const error = toGatewayError(thrown);
        if (!known || call.signal.aborted || call.sink?.committed) throw error;
        const isBroken: boolean = !wasBroken && brokeOff(flight, call, error);
        if (!isBroken && !ranShort(flight, this.#leftMs(call), error) && !isOfCaller(flight, call, error)) throw error;
        wasBroken ||= isBroken;
      }
    }
  }

  #leftMs({ deadlineMs = Number.POSITIVE_INFINITY }: Call): number {
    return deadlineMs - this.#parts.clock.now();
  }

  #begin(key: string, call: Call, ask: Complete): Flight {
    const flight: Flight = new Flight(call, {
      clock: this.#parts.clock,
      stallMs: ({ policy }) => policy.limits.stallMs ?? this.#parts.stallMs,
      ask,
      closed: () => this.#flights.delete(key),
    });
    this.#flights.set(key, flight);
    return flight;
  }
}

/**
 * Calls of one burst have nearly the same time, and fail together: if each of them began anew for the sake of a
 * millisecond, there would be as many tries as calls.
 */
const MORE_TIME = 2;

const ranShort = ({ allowedMs }: Flight, leftMs: number, { kind }: GatewayError): boolean =>
  allowedMs !== undefined && leftMs >= MORE_TIME * allowedMs && OF_TIME.has(kind);

const isOfCaller = ({ caller }: Flight, call: Call, { rule }: GatewayError): boolean =>
  rule.fault === 'policy' && caller.name !== call.caller.name;

const brokeOff = ({ isStream, committed }: Flight, { sink }: Call, { rule }: GatewayError): boolean =>
  isStream && committed && !sink && (rule.retry || rule.next);

/**
 * What only those can share who are to be treated alike: the models that may answer, and what is done with a stream that
 * breaks off.
 */
export const treatment = ({ targets, sink, request }: Call): string =>
  JSON.stringify([
    targets.map(({ provider, model }) => [provider, model]),
    sink !== undefined && request.onBrokenStream === BrokenStreamPolicy.RESTART,
  ]);
