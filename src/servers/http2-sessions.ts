import type { ServerHttp2Session } from 'node:http2';
import type { Clock, Timer } from '../core/clock.ts';
import type { DoorSettings } from './settings.ts';

type SessionSettings = Pick<
  DoorSettings,
  'keepaliveTimeMs' | 'keepaliveTimeoutMs' | 'maxConnectionAgeMs' | 'maxConnectionAgeGraceMs'
>;

/** A tenth either way, so that connections that began together do not end together. */
const AGE_JITTER = 0.1;

/** The HTTP/2 connections of one server: finds those whose peer is gone, and ends those that have grown old. */
export class Http2Sessions {
  readonly #settings: SessionSettings;
  readonly #clock: Clock;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(settings: SessionSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Looks after a connection until it ends. */
  add(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    const timers = new Timers(this.#clock);
    session.once('close', () => {
      this.#sessions.delete(session);
      timers.cancelAll();
    });
    this.#keepAlive(session, timers);
    this.#grow(session, timers);
  }

  /** Tells every peer to go (GOAWAY). A connection ends with its last stream. */
  closeAll(): void {
    for (const session of this.#sessions) session.close();
  }

  /** A peer that vanished without a word answers no ping. */
  #keepAlive(session: ServerHttp2Session, timers: Timers): void {
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#settings;
    const ping = () => {
      if (session.destroyed) return;
      timers.set('ping', keepaliveTimeoutMs, () => session.destroy());
      session.ping((error) => {
        if (!error) timers.set('ping', keepaliveTimeMs, ping);
      });
    };
    timers.set('ping', keepaliveTimeMs, ping);
  }

  #grow(session: ServerHttp2Session, timers: Timers): void {
    const { maxConnectionAgeMs, maxConnectionAgeGraceMs } = this.#settings;
    if (maxConnectionAgeMs === undefined) return;
    const ageMs = maxConnectionAgeMs * (1 + AGE_JITTER * (2 * this.#clock.random() - 1));
    timers.set('age', ageMs, () => {
      session.close();
      timers.set('age', maxConnectionAgeGraceMs, () => session.destroy());
    });
  }
}

/** Timers by name: setting one anew stops the one before. */
class Timers {
  readonly #clock: Clock;
  readonly #timers = new Map<string, Timer>();
  #cancelled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(name: string, delayMs: number, task: () => void): void {
    this.#timers.get(name)?.cancel();
    if (!this.#cancelled) this.#timers.set(name, this.#clock.after(delayMs, task));
  }

  cancelAll(): void {
    this.#cancelled = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }
}
