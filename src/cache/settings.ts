/** How answers are kept. Durations in milliseconds, sizes in bytes. */
export interface CacheSettings {
  /** False: nothing is kept or looked up. */
  readonly enabled: boolean;
  /** Of all answers in this process together. */
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** A larger answer is not kept. */
  readonly maxAnswerBytes: number;
  /** How long an answer is kept for which nothing else says so. */
  readonly ttlMs: number;
  /** Calls of a higher temperature use the cache only if they ask for it. */
  readonly maxTemperature: number;
  /** By the kind of task: how long answers are kept. */
  readonly requestTypes: ReadonlyMap<string, number>;
  /** Equal calls that are under way at once share one answer. */
  readonly singleFlight: boolean;
  /** How long a call waits for the answer that another process is asking for. 0: it does not. */
  readonly sharedWaitMs: number;
  /** What keys are made with. Undefined: they are plain digests. */
  readonly secret: string | undefined;
  /** A file of answers to begin with. Undefined: none. */
  readonly warmUp: string | undefined;
}

export const noCache: CacheSettings = {
  enabled: false,
  maxBytes: 100 * 1024 * 1024,
  maxEntries: 1_000,
  maxAnswerBytes: 1024 * 1024,
  ttlMs: 3_600_000,
  maxTemperature: 0,
  requestTypes: new Map(),
  singleFlight: true,
  sharedWaitMs: 10_000,
  secret: undefined,
  warmUp: undefined,
};
