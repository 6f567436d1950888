import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Origin } from '../cache/kept-answer.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Store } from '../stores/store.ts';
import { answerRecord, leaseRecord } from './record.ts';
import type { IdempotencySettings } from './settings.ts';
import { isTold, writeFailure } from './told-failure.ts';

export interface ClaimParts {
  readonly store: Pick<Store, 'get' | 'put' | 'compareAndSet'>;
  readonly clock: Clock;
  readonly settings: IdempotencySettings;
}

/** How long those who wait in other processes have to learn of a failure: many times as long as between two looks. */
const TOLD_MS = 5_000;

/** A lease is renewed this often in its time, so that one renewal may fail. */
const RENEWALS = 3;

export const storeKey = (slot: string): string => `idempotency:key:${slot}`;

export const failureKey = (mark: Uint8Array): string => `idempotency:failed:${Buffer.from(mark).toString('base64url')}`;

/**
 * The leave to ask for the answer to a key. While it is held, other processes wait; whoever holds it renews it. The store
 * may fail whenever it likes: then others do not know, and no call fails by it. `keep` or `release` ends it. Neither rejects.
 */
export class Claim {
  readonly #parts: ClaimParts;
  readonly #slot: string;
  readonly #digest: Uint8Array;
  readonly #mark: Uint8Array;
  readonly #lease: Uint8Array;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(slot: string, digest: Uint8Array, mark: Uint8Array, parts: ClaimParts) {
    this.#parts = parts;
    this.#slot = storeKey(slot);
    this.#digest = digest;
    this.#mark = mark;
    this.#lease = leaseRecord(digest, mark);
  }

  /** False: somebody else holds it. Errors: StoreError; then it may be held or not. */
  async take(unreadable: Uint8Array | undefined): Promise<boolean> {
    const { store, settings } = this.#parts;
    const isTaken = await store.compareAndSet(this.#slot, unreadable, this.#lease, settings.leaseMs);
    if (isTaken) this.#renewLater();
    return isTaken;
  }

  /** Keeps the answer. Resolves when the store has it, or cannot have it. */
  async keep(response: CompleteResponse, origin: Origin): Promise<void> {
    this.#end();
    const { clock, settings } = this.#parts;
    const { ttlMs, maxAnswerBytes } = settings;
    const bytes = answerRecord(this.#digest, response, origin, clock.wallMs() + ttlMs);
    if (bytes.length > maxAnswerBytes) return this.#remove();
    // Nothing is there if the lease ended, or the store is another by now.
    for (const expected of [this.#lease, undefined]) if (await this.#set(expected, bytes, ttlMs)) return;
  }

  /** Gives the key free, and tells those who wait why, if it is any of their business. */
  async release(error: GatewayError): Promise<void> {
    this.#end();
    const { store } = this.#parts;
    if (isTold(error)) await store.put(failureKey(this.#mark), writeFailure(error), TOLD_MS).catch(() => undefined);
    await this.#remove();
  }

  async #remove(): Promise<void> {
    await this.#set(this.#lease, undefined, 1);
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #renewLater(): void {
    const { clock, settings } = this.#parts;
    if (!this.#isOver) this.#timer = clock.after(settings.leaseMs / RENEWALS, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const isHeld = await this.#set(this.#lease, this.#lease, this.#parts.settings.leaseMs);
    if (isHeld !== false) this.#renewLater();
  }

  /** Undefined: the store failed. */
  #set(expected: Uint8Array | undefined, next: Uint8Array | undefined, ttlMs: number): Promise<boolean | undefined> {
    return this.#parts.store.compareAndSet(this.#slot, expected, next, ttlMs).catch(() => undefined);
  }
}
