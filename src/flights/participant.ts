import { CacheStatus, type CompleteResponse, type Cost } from '#gen/antiphon/v1/completion_pb.js';
import { freeCost } from '../core/cached.ts';
import { addWarnings, type Call, type Trail } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Delta, Sink } from '../core/events.ts';
import { addSpent, joinTrail, withSpent } from '../core/spent.ts';
import { slow } from './room.ts';

/** What those who take part in a flight see of it. */
export interface Airborne {
  /** What has come so far; of a stream that began anew, since then. */
  readonly events: readonly Delta[];
  /** The record of what the flight does. */
  readonly trail: Trail;
  /** Undefined: it is not over, or has failed. */
  readonly response: CompleteResponse | undefined;
  /** Is told that somebody has room again. */
  hasRoomAgain(): void;
}

export interface ParticipantParts {
  readonly clock: Clock;
  /** How long its caller may leave a full buffer unread. */
  readonly stallMs: number;
}

/**
 * One of the calls that share an answer. It passes on what comes at the pace of its own caller: what waits for a slow one
 * is in the flight, which has the whole answer anyway.
 */
export class Participant {
  /** Resolves when the flight is over and all of it has been passed on. Rejects if it cannot be. */
  readonly done: Promise<void>;
  readonly #end = Promise.withResolvers<void>();
  readonly #call: Call;
  readonly #flight: Airborne;
  readonly #parts: ParticipantParts;
  readonly #joinedMs: number;
  #position = 0;
  #isFull = false;
  #isOver = false;
  #pays = false;

  constructor(call: Call, flight: Airborne, parts: ParticipantParts) {
    this.#call = call;
    this.#flight = flight;
    this.#parts = parts;
    this.#joinedMs = parts.clock.now();
    this.done = this.#end.promise;
    // Whoever has left does not look any more.
    this.done.catch(() => undefined);
  }

  get hasRoom(): boolean {
    return this.#isOver || !this.#isFull;
  }

  /** Passes on what there is, as far as there is room for it. */
  pump(): void {
    const { sink } = this.#call;
    if (this.#isOver || this.#isFull) return;
    if (sink) while (this.#position < this.#flight.events.length) if (!this.#passOn(sink)) return;
    if (this.#flight.response) this.#finish();
  }

  /** What was not passed on of an answer that is void does not matter any more. */
  rewind(): void {
    this.#position = 0;
  }

  fail(error: unknown): void {
    this.#isOver = true;
    this.#end.reject(error);
  }

  /** Takes over what the flight was and used: of all that share it, one call does, so that it counts once. */
  pay(): void {
    this.#pays = true;
    const { trail } = this.#call;
    const { upstreamMs } = trail;
    // Those before it have left: the answer is its own.
    if (trail.cacheStatus === CacheStatus.REPLAYED) trail.cacheStatus = this.#flight.trail.cacheStatus;
    joinTrail(trail, this.#flight.trail);
    trail.upstreamMs = upstreamMs + this.#waitedMs;
    trail.fallbacks += this.#flight.trail.fallbacks;
    trail.selectionReason = this.#flight.trail.selectionReason;
  }

  /** The answer as this call gets it. */
  answer(response: CompleteResponse): CompleteResponse {
    const { trail } = this.#call;
    this.#learn();
    if (!this.#pays) {
      trail.selectionReason = this.#flight.trail.selectionReason;
      trail.upstreamMs += this.#waitedMs;
    }
    const cost = this.#costOf(response);
    return { ...response, ...(cost ? { cost } : {}), cacheStatus: trail.cacheStatus };
  }

  #costOf(response: CompleteResponse): Cost | undefined {
    if (this.#pays) return response.cost;
    if (this.#call.trail.cacheStatus !== CacheStatus.REPLAYED || !response.cost) return freeCost();
    return withSpent(response.cost, this.#flight.trail.partialCost);
  }

  /** The call ends without the answer that it would have paid for, and has cost that much all the same. */
  lose({ usage, cost }: CompleteResponse): void {
    if (this.#pays) addSpent(this.#call.trail, usage, cost);
  }

  /** For the provider, as far as it was during this call. */
  get #waitedMs(): number {
    return Math.min(this.#flight.trail.upstreamMs, this.#parts.clock.now() - this.#joinedMs);
  }

  /** False: there is no more room. */
  #passOn(sink: Sink): boolean {
    const event = this.#flight.events[this.#position++];
    // Nothing has gone there that could be void.
    if (!event || (event.case === 'restart' && !sink.committed)) return true;
    if (!sink.committed) this.#learn();
    if (sink.emit(event)) return true;
    this.#isFull = true;
    this.#awaitRoom(sink);
    return false;
  }

  /** Once for some tokens of every stream. Of a caller that goes, the flight tells, and its sink has room at once. */
  #awaitRoom(sink: Sink): void {
    const { clock, stallMs } = this.#parts;
    const stalled = clock.after(stallMs, () => this.fail(slow()));
    void sink.ready().then(() => {
      stalled.cancel();
      this.#isFull = false;
      this.pump();
      if (!this.#isFull) this.#flight.hasRoomAgain();
    });
  }

  /** What the caller is told of the answer when it begins. */
  #learn(): void {
    const { trail } = this.#call;
    const { target, warnings, cacheStatus } = this.#flight.trail;
    trail.target = target;
    addWarnings(trail, warnings);
    if (tells(cacheStatus, trail.cacheStatus)) trail.cacheStatus = cacheStatus;
  }

  #finish(): void {
    this.#isOver = true;
    this.#end.resolve();
  }
}

/** Whether what the flight says of the cache is more than what its participant knew. */
const tells = (ofFlight: CacheStatus, own: CacheStatus): boolean =>
  own === CacheStatus.BYPASS || (ofFlight === CacheStatus.HIT && own !== CacheStatus.REPLAYED);
