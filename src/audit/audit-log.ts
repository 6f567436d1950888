import type { AuditNote } from '../core/audit-note.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Redact } from '../core/redact.ts';
import { StoreError, type Values } from '../stores/store.ts';
import { storeUnavailable } from '../stores/unavailable.ts';
import { type AuditEvent, decodeEvent, encodeEvent, eventOf } from './event.ts';
import { EventIds, isEventId, reversed } from './event-ids.ts';
import { type Refusal, Refusals } from './refusals.ts';

export interface AuditLogParts {
  readonly values: Pick<Values, 'get' | 'put' | 'keys'>;
  readonly clock: Clock;
  readonly redact: Redact;
  /** 16 hexadecimal digits that no other process has. */
  readonly replica: string;
  /** How long events are kept. */
  readonly keptMs: number;
  /** The most refused calls a minute that have an event of their own. */
  readonly refusalsPerMinute: number;
  /** Is told that so many events were lost, at most once a second. */
  readonly lost: (events: number) => void;
}

export interface AuditPage {
  /** The most events, from 1. */
  readonly limit: number;
  /** Only events before the one of this id. Empty: from the newest on. */
  readonly beforeId: string;
}

const PREFIX = 'audit:';
const FLUSH_MS = 1_000;
/** So many events may wait for a store that fails. */
const MAX_WAITING = 1_000;
/** Those of refused calls leave room for those of changes. */
const MAX_REFUSALS_WAITING = 500;
const AT_ONCE = 16;

/** Above all digits. */
const LAST = '~';

/**
 * The audit log: who changed what, and who was refused. Events are only ever added. They are written in the background,
 * and nothing waits for that or fails with it; a process that is killed takes the last second with it. What could not be
 * written is written later, once: its key is its id.
 */
export class AuditLog {
  readonly #parts: AuditLogParts;
  readonly #ids: EventIds;
  readonly #refusals: Refusals;
  /** In the order of their ids. */
  readonly #waiting: AuditEvent[] = [];
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #lost = 0;
  #isClosed = false;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
    this.#ids = new EventIds(parts.clock, parts.replica);
    const { clock, refusalsPerMinute } = parts;
    const note = (event: AuditNote) => this.#add(event, MAX_REFUSALS_WAITING);
    this.#refusals = new Refusals({ clock, perMinute: refusalsPerMinute, note });
  }

  /** Never throws. */
  note(event: AuditNote): void {
    this.#add(event, MAX_WAITING);
  }

  /** A call was refused. Beyond so many a minute they are counted, and the count is one event. Never throws. */
  refused(refusal: Refusal): void {
    this.#refusals.add(refusal);
  }

  /**
   * A page of events, newest first, of all replicas. One that a replica could not write in time is in its place later.
   * Errors: GatewayError: `store_unavailable`.
   */
  async page({ limit, beforeId }: AuditPage): Promise<readonly AuditEvent[]> {
    await this.flush();
    const after = isEventId(beforeId) ? PREFIX + reversed(beforeId) : PREFIX + (beforeId === '' ? '' : LAST);
    try {
      const keys = await this.#parts.values.keys(PREFIX, limit, after);
      const events: AuditEvent[] = [];
      for (let i = 0; i < keys.length; i += AT_ONCE) events.push(...(await this.#eventsAt(keys.slice(i, i + AT_ONCE))));
      return events;
    } catch (thrown) {
      throw storeUnavailable(thrown);
    }
  }

  /** Writes what waits. Never rejects: what cannot be written waits for the next time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** Writes what is left, if the store takes it at once. */
  async close(): Promise<void> {
    this.#refusals.close();
    await this.flush();
    await this.flush();
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#lost += this.#waiting.splice(0).length;
    this.#tellLost();
  }

  #add(note: AuditNote, mostWaiting: number): void {
    if (this.#isClosed) return;
    this.#later();
    if (this.#waiting.length >= mostWaiting) {
      this.#lost++;
      return;
    }
    const { id, timeMs } = this.#ids.next();
    this.#waiting.push(eventOf(note, id, timeMs, this.#parts.redact));
  }

  async #write(): Promise<void> {
    const { values, keptMs } = this.#parts;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tellLost();
    try {
      while (this.#waiting.length > 0) {
        const next = this.#waiting.slice(0, AT_ONCE);
        await Promise.all(next.map((event) => values.put(PREFIX + reversed(event.id), encodeEvent(event), keptMs)));
        this.#waiting.splice(0, next.length);
      }
    } catch (thrown) {
      if (!(thrown instanceof StoreError)) throw thrown;
      this.#later();
    }
  }

  #tellLost(): void {
    if (this.#lost > 0) this.#parts.lost(this.#lost);
    this.#lost = 0;
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#parts.clock.after(FLUSH_MS, () => void this.flush());
  }

  async #eventsAt(keys: readonly string[]): Promise<readonly AuditEvent[]> {
    const found = keys.map(async (key) =>
      decodeEvent(reversed(key.slice(PREFIX.length)), await this.#parts.values.get(key)),
    );
    return (await Promise.all(found)).filter((event) => event !== undefined);
  }
}
