import { randomBytes } from 'node:crypto';
import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { GatewayError } from '../core/errors.ts';
import { sleep } from '../core/sleep.ts';
import { StoreError } from '../stores/store.ts';
import { Claim, type ClaimParts, failureKey, storeKey } from './claim.ts';
import { type KeyRecord, readRecord } from './record.ts';
import { readFailure } from './told-failure.ts';

/** Between two looks whether the answer has come. With jitter, so that processes do not look all at once. */
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 250;

const MARK_BYTES = 12;

/** What there is under a key. `waited`: another process was at work on it. */
export type Taken =
  /** There is an answer, which is a new object. */
  | { readonly state: 'kept'; readonly answer: CompleteResponse; readonly waited: boolean }
  /** Whoever was waited for has failed. */
  | { readonly state: 'failed'; readonly error: GatewayError }
  /** The key is for another request. */
  | { readonly state: 'mismatch' }
  /** Another process is still at work. */
  | { readonly state: 'in_progress' }
  /** Nobody is at work any more, or nobody was: the answer is to be asked for. */
  | { readonly state: 'free'; readonly claim: Claim; readonly waited: boolean };

interface Found {
  /** As it is there. Undefined: nothing is. */
  readonly bytes: Uint8Array | undefined;
  /** Undefined: nothing that can be read. */
  readonly record: KeyRecord | undefined;
}

/** The keys of calls, with their answers, in a store that several processes may share. */
export class Claims {
  readonly #parts: ClaimParts;

  constructor(parts: ClaimParts) {
    this.#parts = parts;
  }

  /**
   * Finds what there is under a key, and waits while another process is at work on it: as long as that one is alive, and no
   * longer than configured. While the store fails every key is free: no call fails for the want of it. `fits` is told each
   * time that another process is found at work on the same request.
   *
   * Aborts: rejects with the signal's reason.
   */
  async take(slot: string, digest: Uint8Array, signal: AbortSignal, fits: () => void): Promise<Taken> {
    const { clock, settings } = this.#parts;
    const claim = new Claim(slot, digest, randomBytes(MARK_BYTES), this.#parts);
    const untilMs = clock.now() + settings.waitMs;
    let awaited: Uint8Array | undefined;
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_LOOK_MS)) {
      const found = await this.#find(slot);
      const taken = found ? await this.#judge(found, digest, claim, awaited) : free(claim, awaited);
      if (taken) return taken;
      if (found?.record?.kind === 'lease') {
        awaited = found.record.mark;
        fits();
      }
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0) return { state: 'in_progress' };
      await sleep(Math.min(pauseMs * (0.5 + clock.random()), leftMs), clock, signal);
    }
  }

  /** Undefined: the store failed. */
  #find(slot: string): Promise<Found | undefined> {
    return unlessStoreFails(async () => {
      const bytes = await this.#parts.store.get(storeKey(slot));
      return { bytes, record: bytes && readRecord(bytes) };
    });
  }

  /** Undefined: somebody is at work. */
  async #judge(
    { bytes, record }: Found,
    digest: Uint8Array,
    claim: Claim,
    awaited: Uint8Array | undefined,
  ): Promise<Taken | undefined> {
    if (record && Buffer.compare(record.digest, digest) !== 0) return { state: 'mismatch' };
    if (record?.kind === 'answer') return { state: 'kept', answer: record.answer, waited: awaited !== undefined };
    const failed = awaited && !isAt(record, awaited) ? await this.#failureOf(awaited) : undefined;
    if (failed) return { state: 'failed', error: failed };
    if (record) return undefined;
    const isTaken = await unlessStoreFails(() => claim.take(bytes));
    return isTaken === false ? undefined : free(claim, awaited);
  }

  #failureOf(mark: Uint8Array): Promise<GatewayError | undefined> {
    return unlessStoreFails(async () => {
      const bytes = await this.#parts.store.get(failureKey(mark));
      return bytes && readFailure(bytes);
    });
  }
}

const free = (claim: Claim, awaited: Uint8Array | undefined): Taken => ({
  state: 'free',
  claim,
  waited: awaited !== undefined,
});

const isAt = (record: KeyRecord | undefined, mark: Uint8Array): boolean =>
  record?.kind === 'lease' && Buffer.compare(record.mark, mark) === 0;

/** Undefined: it failed. */
async function unlessStoreFails<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof StoreError) return undefined;
    throw thrown;
  }
}
