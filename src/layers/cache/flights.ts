import { BrokenStreamPolicy, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { Complete } from '../../core/complete.ts';
import { type ErrorKind, type GatewayError, toGatewayError } from '../../core/errors.ts';
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
   * Joins the flight of this key, or begins one with `ask`. `joins` is told which before, and again if the call has to begin anew.
   *
   * A call whose flight fails for want of time, and that has more, begins anew, as long as nothing has gone to its caller;
   * and so does, once, one that does not stream, if a stream that had begun breaks off.
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
        if (!isBroken && !ranShort(flight, call, error)) throw error;
        wasBroken ||= isBroken;
      }
    }
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

const ranShort = (flight: Flight, { deadlineMs = Number.POSITIVE_INFINITY }: Call, { kind }: GatewayError): boolean =>
  flight.deadlineMs !== undefined && deadlineMs > flight.deadlineMs && OF_TIME.has(kind);

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
