/** Where calls go: a door, or the mock upstream itself. */
export type Protocol = 'grpc' | 'connect' | 'openai' | 'direct';

export interface Destination {
  readonly protocol: Protocol;
  /** "host:port". */
  readonly address: string;
  /** Put before the model's name, such as "bench/". */
  readonly modelPrefix: string;
  /** What calls name instead of their model. */
  readonly route?: string;
  /** Undefined: long enough never to pass. */
  readonly deadlineMs?: number;
}

/** Calls in a closed loop: each of `concurrency` callers makes its next call when the last one is over. */
export interface LoopJob {
  readonly kind: 'loop';
  readonly to: Destination;
  /** Each caller keeps to one; they have them in turn. */
  readonly models: readonly string[];
  readonly concurrency: number;
  /** No call is begun after this time; those under way are still waited for. */
  readonly seconds: number;
  /** Callers begin spread over this time. */
  readonly rampMs: number;
  /** How often each caller begins a call, unless the last one takes longer. Undefined: when the last one is over. */
  readonly everyMs?: number;
  /** After so many wrong answers no further call is begun. */
  readonly errorLimit: number;
}

/** Several loops at the same time. */
export interface LoopsJob {
  readonly kind: 'loops';
  readonly loops: readonly LoopJob[];
}

/** Calls that are cancelled, one after the other. */
export interface CancelJob {
  readonly kind: 'cancel';
  readonly to: Destination;
  readonly stream: boolean;
  readonly times: number;
}

export type Job = LoopJob | LoopsJob | CancelJob;

/** Told during a job: the upstream has the request for this model, which it will not answer. */
export interface Received {
  readonly kind: 'received';
  readonly model: string;
}

/** How long something took, in milliseconds. */
export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoopResult {
  readonly calls: number;
  readonly failed: number;
  readonly tokens: number;
  readonly elapsedMs: number;
  /** Of whole calls. */
  readonly whole: Times;
  /** Until the first token of a stream, or the answer of a call that does not stream. */
  readonly first: Times;
  /** Some of what was wrong. */
  readonly errors: readonly string[];
}

export interface CancelResult {
  /** Which model's call was cancelled, and when, by `machineMs`. */
  readonly cancelled: readonly { readonly model: string; readonly atMs: number }[];
  readonly errors: readonly string[];
}

/** What comes of a job, by its kind. */
export interface Results {
  readonly loop: LoopResult;
  readonly loops: readonly LoopResult[];
  readonly cancel: CancelResult;
}

export type ResultOf<J extends Job> = Results[J['kind']];
