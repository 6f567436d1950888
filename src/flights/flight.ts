import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Call, Trail } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete } from '../core/complete.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import type { Delta, Sink } from '../core/events.ts';
import { deltasOf } from '../core/replay.ts';
import { forkTrail } from '../core/spent.ts';
import { type Airborne, Participant } from './participant.ts';

export interface FlightParts {
  readonly clock: Clock;
  /** How long a caller may leave a full buffer unread. */
  readonly stallMs: (call: Call) => number;
  /** Asks for the answer, as the call that began the flight would. */
  readonly ask: Complete;
  /**
   * Whether it goes on to its end for the first of its callers, who has left for this reason. It is then not stopped for
   * want of room. Undefined: never.
   */
  readonly goesOn?: (reason: unknown) => boolean;
  /** Is told, once, that nobody may join any more: it is over, or everybody has left. */
  readonly closed: () => void;
}

/**
 * One call to a model whose answer several calls get, streams or not. Whoever joins late gets first what has come so far.
 *
 * Each call has its own deadline and may leave; the flight goes on until the last one has left, and is ended then. It is
 * stopped while nobody has room, and only then. Where `goesOn` says so it goes on: then the first call stays with it, so
 * that what it uses counts there, and only its caller is let go.
 */
export class Flight implements Airborne, Sink {
  /** Whether the provider was asked for a stream. */
  readonly isStream: boolean;
  /** The caller that it was begun for: its limits count. */
  readonly caller: Call['caller'];
  /** How much time the call had that it was begun for, in milliseconds; undefined: all there is. */
  readonly allowedMs: number | undefined;
  readonly trail: Trail;
  readonly #parts: FlightParts;
  readonly #call: Call;
  readonly #abort = new AbortController();
  readonly #participants = new Set<Participant>();
  readonly #over = Promise.withResolvers<void>();
  #events: Delta[] = [];
  #isBegun = false;
  #hasContent = false;
  #isClosed = false;
  #room: PromiseWithResolvers<void> | undefined;
  #response: CompleteResponse | undefined;
  #error: GatewayError | undefined;

  constructor(call: Call, parts: FlightParts) {
    this.#parts = parts;
    this.isStream = call.sink !== undefined;
    this.caller = call.caller;
    this.allowedMs = call.deadlineMs === undefined ? undefined : call.deadlineMs - parts.clock.now();
    this.trail = forkTrail(call.trail);
    const { signal } = this.#abort;
    this.#call = { ...call, signal, trail: this.trail, sink: call.sink && this };
  }

  get events(): readonly Delta[] {
    // It did not come in pieces, but may have to go in pieces.
    if (this.#response && !this.#hasContent && this.#events.length === 0)
      this.#events = [...deltasOf(this.#response.content)];
    return this.#events;
  }

  get response(): CompleteResponse | undefined {
    return this.#response;
  }

  /** Whether content had come when it failed, so that nothing below could try again. */
  get committed(): boolean {
    return this.#hasContent;
  }

  /**
   * Takes part until there is an answer. Aborts: leaves, and rejects with the signal's reason; whoever leaves last ends
   * the flight first. Errors: those of the flight, and `slow_consumer`.
   */
  async join(call: Call): Promise<CompleteResponse> {
    const { clock, stallMs } = this.#parts;
    const participant = new Participant(call, this, { clock, stallMs: stallMs(call) });
    const leave = () => participant.fail(call.signal.reason);
    if (call.signal.aborted) leave();
    else call.signal.addEventListener('abort', leave, { once: true });
    this.#participants.add(participant);
    this.#begin();
    participant.pump();
    this.hasRoomAgain();
    try {
      await participant.done;
    } catch (thrown) {
      await this.#leave(participant, call, thrown);
      throw thrown;
    } finally {
      call.signal.removeEventListener('abort', leave);
    }
    this.#participants.delete(participant);
    return participant.answer(this.#response as CompleteResponse);
  }

  emit(delta: Delta): boolean {
    this.#hasContent = true;
    if (delta.case === 'restart') {
      this.#events = [];
      for (const participant of this.#participants) participant.rewind();
    }
    this.#events.push(delta);
    for (const participant of this.#participants) participant.pump();
    return this.#hasRoom;
  }

  async ready(): Promise<void> {
    while (!this.#hasRoom && !this.#isClosed) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
  }

  hasRoomAgain(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  get #hasRoom(): boolean {
    for (const { hasRoom } of this.#participants) if (hasRoom) return true;
    return false;
  }

  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#parts.ask(this.#call).then(
      (response) => {
        this.#end(() => {
          this.#response = response;
        });
      },
      (thrown) => {
        this.#end(() => {
          this.#error = toGatewayError(thrown);
        });
      },
    );
  }

  /** Whoever has stayed longest pays. */
  #end(settle: () => void): void {
    this.#close();
    settle();
    const [payer] = this.#participants;
    payer?.pay();
    for (const participant of this.#participants)
      if (this.#error) participant.fail(this.#error);
      else participant.pump();
    this.#over.resolve();
  }

  async #leave(participant: Participant, call: Call, reason: unknown): Promise<void> {
    if (this.#error) return;
    const [first] = this.#participants;
    if (this.#response) participant.lose(this.#response);
    else if (participant === first && this.#parts.goesOn?.(reason)) await this.#stay(participant, call, reason);
    else if (this.#participants.size === 1) await this.#abandon(reason);
    this.#participants.delete(participant);
  }

  async #stay(participant: Participant, { letGo }: Call, reason: unknown): Promise<void> {
    letGo(toGatewayError(reason));
    this.hasRoomAgain();
    await this.#over.promise;
    if (this.#response) participant.lose(this.#response);
  }

  /** Ends the flight for the last one, who stays until it is over: what it has used counts for somebody. */
  async #abandon(reason: unknown): Promise<void> {
    this.#close();
    this.#abort.abort(reason);
    await this.#over.promise;
    // It may have come to a good end all the same.
    if (this.#response) for (const participant of this.#participants) participant.lose(this.#response);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.hasRoomAgain();
    this.#parts.closed();
  }
}
