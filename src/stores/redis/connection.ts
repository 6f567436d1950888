import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import type { Clock } from '../../core/clock.ts';
import { StoreError } from '../store.ts';
import { isUnknownScript, reasonOf, storeError } from './failure.ts';
import type { Script } from './scripts.ts';

/** Where Redis is, and how to get in. */
export interface RedisPlace {
  /** More than one: the nodes of a cluster that are asked for the others. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly isCluster: boolean;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The number of the database. A cluster has only 0. */
  readonly db: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

export type Client = Redis | Cluster;

/** Until a connection is there. No call waits for one. */
const CONNECT_MS = 2_000;
/** After so many times the patience for an answer, a connection that is silent is given up, and made anew. */
const SILENCE = 20;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;
const MAX_DOUBLINGS = 10;
/** Further commands would only make the heap larger. */
const MOST_UNDER_WAY = 1_000;

/**
 * A connection that comes back by itself, and never makes anybody wait for it: while there is none, and beyond a bound
 * of commands, all fails at once.
 */
export class RedisConnection {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #underWay = 0;
  #isClosed = false;
  #lastReason = 'not connected yet';

  constructor(clock: Clock, place: RedisPlace) {
    this.#clock = clock;
    this.#timeoutMs = place.timeoutMs;
    this.#client = clientOf(place, (times) => waitMs(times, clock.random()));
    this.#client.on('error', (error: unknown) => {
      this.#lastReason = reasonOf(error);
    });
  }

  /** Runs a script. Redis is sent its text only if it does not know it. */
  run(script: Script, keys: readonly string[], args: readonly (string | Uint8Array)[]): Promise<unknown> {
    const parts = [...keys, ...args.map((arg) => (typeof arg === 'string' ? arg : Buffer.from(arg)))];
    return this.ask(async (client) => {
      try {
        return await client.evalsha(script.sha, keys.length, ...parts);
      } catch (error) {
        if (!isUnknownScript(error)) throw error;
        return client.eval(script.lua, keys.length, ...parts);
      }
    });
  }

  /** Gives what was answered in time. What comes later is let go. Errors: StoreError. */
  async ask<Answer>(question: (client: Client) => Promise<Answer>): Promise<Answer> {
    if (this.#isClosed) throw new StoreError('closed');
    if (this.#client.status !== 'ready') throw new StoreError('unreachable', this.#lastReason);
    if (this.#underWay >= MOST_UNDER_WAY) throw new StoreError('timeout', 'too many commands are under way');
    try {
      return await this.#inTime(this.#counted(question));
    } catch (error) {
      const failure = storeError(error);
      // What may only be read is no longer the one to write to: its name may by now lead to another.
      if (failure.failure === 'read_only' && !this.#isClosed) this.#client.disconnect(true);
      throw this.#isClosed ? new StoreError('closed') : failure;
    }
  }

  /** The clients to ask for all keys. */
  masters(client: Client): readonly Redis[] {
    return client instanceof Cluster ? client.nodes('master') : [client];
  }

  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  async #counted<Answer>(question: (client: Client) => Promise<Answer>): Promise<Answer> {
    this.#underWay++;
    try {
      return await question(this.#client);
    } finally {
      this.#underWay--;
    }
  }

  #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new StoreError('timeout'));
      let timer = this.#clock.after(this.#timeoutMs, () => {
        // If it was this process that had no time, the answer may be here and unread: it is read before the next turn.
        timer = this.#clock.after(0, late);
      });
      const end = () => timer.cancel();
      answer.then(resolve, reject).finally(end);
    });
  }
}

/** Between half and all of a bound that doubles, so that replicas do not come back together. */
const waitMs = (times: number, chance: number): number =>
  Math.min(FIRST_WAIT_MS * 2 ** Math.min(times, MAX_DOUBLINGS), LONGEST_WAIT_MS) * (0.5 + chance / 2);

function clientOf(place: RedisPlace, retryStrategy: (times: number) => number): Client {
  const [{ host, port } = { host: '127.0.0.1', port: 6379 }] = place.nodes;
  const options = {
    ...(place.username !== undefined && { username: place.username }),
    ...(place.password !== undefined && { password: place.password }),
    ...(place.tls && { tls: isIP(host) > 0 ? {} : { servername: host } }),
    db: place.db,
    protocol: 2 as const,
    connectTimeout: CONNECT_MS,
    socketTimeout: place.timeoutMs * SILENCE,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  };
  if (!place.isCluster) return new Redis({ ...options, host, port, retryStrategy });
  return new Cluster([...place.nodes], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: place.timeoutMs * SILENCE,
    // Each node of a cluster has a name of its own.
    redisOptions: { ...options, ...(place.tls && { tls: {} }) },
  });
}
