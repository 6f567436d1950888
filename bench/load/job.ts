/** Where calls go: a door, or the mock upstream itself. */
export type Protocol = 'grpc' | 'connect' | 'direct';

export interface Destination {
  readonly protocol: Protocol;
  /** "host:port". */
  readonly address: string;
  /** Put before the model's name, such as "bench/". */
  readonly modelPrefix: string;
}

/** Calls in a closed loop: each of `concurrency` callers makes its next call when the last one is over. */
export interface LoopJob {
  readonly kind: 'loop';
  readonly to: Destination;
  readonly model: string;
  readonly concurrency: number;
  /** No call is begun after this time; those under way are still waited for. */
  readonly seconds: number;
  /** Callers begin spread over this time. */
  readonly rampMs: number;
}

/** Calls that are cancelled, one after the other. */
export interface CancelJob {
  readonly kind: 'cancel';
  readonly to: Destination;
  readonly stream: boolean;
  readonly times: number;
}

export type Job = LoopJob | CancelJob;

/** Told during a job: the upstream has the request for this model, which it will not answer. */
export interface Received {
  readonly kind: 'received';
  readonly model: string;
}

export interface LoopResult {
  readonly calls: number;
  readonly tokens: number;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: readonly string[];
}

export interface CancelResult {
  /** Which model's call was cancelled, and when, by `machineMs`. */
  readonly cancelled: readonly { readonly model: string; readonly atMs: number }[];
  readonly errors: readonly string[];
}

export type ResultOf<J extends Job> = J extends LoopJob ? LoopResult : CancelResult;
