import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../core/clock.ts';
import type { Store } from '../stores/store.ts';
import type { Entry } from './entry.ts';
import { decodeAnswer, encodeAnswer, type Origin, untilOf } from './kept-answer.ts';
import { type Leased, lease } from './lease.ts';
import { type HeldEntry, LocalTier } from './local-tier.ts';
import { type PurgeScope, Purges } from './purges.ts';
import type { CacheSettings } from './settings.ts';
import { SharedTier } from './shared-tier.ts';

/** Nothing may be kept longer, whatever the clock of another process says. */
const LONGEST_MS = 24 * 3_600_000;

/** How much is kept in this process. */
export interface CacheStats {
  readonly entries: number;
  readonly bytes: number;
  /** Answers that had to go for others, since the start. */
  readonly evictions: number;
}

export interface AnswersParts {
  readonly clock: Clock;
  /** What several processes share. Undefined: each has its own answers. */
  readonly store?: Pick<Store, 'get' | 'put' | 'compareAndSet'> | undefined;
}

/**
 * The answers that are kept: in this process, and below it in a store that several processes may share. It outlives
 * configurations. Every answer that it gives is a new object.
 */
export class Answers {
  readonly #clock: Clock;
  readonly #store: AnswersParts['store'];
  readonly #local: LocalTier;
  readonly #shared: SharedTier | undefined;
  readonly #purges: Purges;
  #settings: CacheSettings;

  constructor(settings: CacheSettings, { clock, store }: AnswersParts) {
    this.#clock = clock;
    this.#store = store;
    this.#local = new LocalTier(settings, clock);
    this.#shared = store && new SharedTier(store);
    this.#purges = new Purges(store, clock);
    this.#settings = settings;
  }

  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  get stats(): CacheStats {
    const { entries, bytes, evictions } = this.#local;
    return { entries, bytes, evictions };
  }

  /** Takes on other settings. Without a cache, nothing stays in this process. */
  configure(settings: CacheSettings): void {
    this.#settings = settings;
    this.#local.configure(settings);
    if (!settings.enabled) this.#local.purge(() => true);
  }

  /** Undefined: look-ups may begin. Else they may when it resolves, which takes as long as the store. Never rejects. */
  refresh(): Promise<void> | undefined {
    return this.#purges.refresh();
  }

  /** Looks in this process only. Undefined: there is none. */
  find(entry: Entry): CompleteResponse | undefined {
    const bytes = this.#local.get(this.#keyOf(entry));
    return bytes && decodeAnswer(bytes);
  }

  /** Looks in the store too, and keeps what it finds there. Never rejects. */
  async findShared(entry: Entry): Promise<CompleteResponse | undefined> {
    const key = this.#keyOf(entry);
    const bytes = await this.#shared?.get(key);
    const answer = bytes && decodeAnswer(bytes);
    const leftMs = ((bytes && untilOf(bytes)) ?? 0) - this.#clock.wallMs();
    if (!bytes || !answer || leftMs <= 0) return undefined;
    this.#local.put(key, bytes, entry, Math.min(Math.ceil(leftMs), LONGEST_MS));
    return answer;
  }

  /** Keeps an answer, unless it is too large. Resolves when the store has it, or cannot have it. Never rejects. */
  put(entry: Entry, response: CompleteResponse, origin: Origin, ttlMs: number): Promise<void> | undefined {
    const bytes = encodeAnswer(response, origin, this.#clock.wallMs() + ttlMs);
    if (bytes.length > this.#settings.maxAnswerBytes) return undefined;
    const key = this.#keyOf(entry);
    this.#local.put(key, bytes, entry, ttlMs);
    return this.#shared?.put(key, bytes, ttlMs);
  }

  /** The answer that another process is asking for, or the leave to ask. Aborts: rejects with the signal's reason. */
  async lease(entry: Entry, signal: AbortSignal): Promise<Leased<CompleteResponse>> {
    const { sharedWaitMs: waitMs } = this.#settings;
    const look = () => this.findShared(entry);
    if (!this.#store || waitMs === 0) return { answer: await look(), release: () => Promise.resolve() };
    const parts = { store: this.#store, clock: this.#clock, waitMs, look };
    return lease(`cache:lease:${entry.key}`, parts, signal);
  }

  /** Those in this process, used last first, at most so many. `wanted`: what they must be of. */
  list({ tenant, model }: Partial<Pick<Entry, 'tenant' | 'model'>>, most: number): readonly HeldEntry[] {
    const is = (entry: Entry) => (tenant ?? entry.tenant) === entry.tenant && (model ?? entry.model) === entry.model;
    return this.#local.list(is, most);
  }

  /**
   * Removes answers, here at once and in other processes within some seconds. Gives how many were in this process.
   * Errors: StoreError; then other processes may keep theirs.
   */
  async purge(scope: PurgeScope): Promise<number> {
    const gone = this.#local.purge((entry) => {
      if (scope === 'all') return true;
      return 'tenant' in scope ? entry.tenant === scope.tenant : entry.model === scope.model;
    });
    await this.#purges.add(scope);
    return gone;
  }

  /** Resolves when all that is on its way to the store is there, or cannot be. */
  async close(): Promise<void> {
    await this.#shared?.settled();
  }

  #keyOf(entry: Entry): string {
    return `cache:answer:${entry.key}${this.#purges.markOf(entry)}`;
  }
}
