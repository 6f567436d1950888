/** How repeated calls are made one call. Durations in milliseconds, sizes in bytes. */
export interface IdempotencySettings {
  /** How long the answer to a key is kept, from when it is there. */
  readonly ttlMs: number;
  /** A larger answer is not kept. */
  readonly maxAnswerBytes: number;
  /** How long a call waits for an equal one of another process. */
  readonly waitMs: number;
  /** How long a process that is silent counts as at work. */
  readonly leaseMs: number;
  /** How long a call may take that goes on without its caller. */
  readonly maxCallMs: number;
}
