/** How often a try is repeated, and how long that waits. Times in milliseconds. */
export interface RetrySettings {
  /** The most repeats at one target, if no other is left. */
  readonly maxRetries: number;
  /** The most repeats at one target while another one is left. */
  readonly beforeFallback: number;
  /** The n-th repeat waits from 0 to base * 2^(n-1), by chance. */
  readonly baseMs: number;
  /** The longest such wait. */
  readonly maxMs: number;
  /** The longest wait that a provider may ask for; if it asks for more, nothing is repeated. */
  readonly maxRetryAfterMs: number;
  /** The share of a provider's calls in flight that may be repeats and hedges, in percent. */
  readonly budgetPercent: number;
  /** So many may be, however few calls are in flight. */
  readonly budgetFloor: number;
}

export const defaultRetry: RetrySettings = {
  maxRetries: 3,
  beforeFallback: 1,
  baseMs: 200,
  maxMs: 5_000,
  maxRetryAfterMs: 20_000,
  budgetPercent: 20,
  budgetFloor: 3,
};

/** When a target is left alone since calls to it keep failing. Times in milliseconds. */
export interface BreakerSettings {
  readonly enabled: boolean;
  /** It opens after so many failures in a row. */
  readonly consecutiveFailures: number;
  /** It opens when this share of the calls in the window has failed, from 0 to 1. */
  readonly failureRate: number;
  /** Fewer calls in the window say nothing about a rate. */
  readonly minCalls: number;
  readonly windowMs: number;
  /** How long it stays open the first time; twice as long each time in a row. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** The most calls at once while it is half open. So many must succeed in a row for it to close. */
  readonly probes: number;
}

export const defaultBreaker: BreakerSettings = {
  enabled: true,
  consecutiveFailures: 5,
  failureRate: 0.5,
  minCalls: 20,
  windowMs: 30_000,
  openMs: 5_000,
  maxOpenMs: 60_000,
  probes: 2,
};

/** How many calls may be with a provider at once, and how many may wait. */
export interface ConcurrencySettings {
  /** The most calls at once, of a provider that has no bound of its own. */
  readonly max: number;
  /** The most calls that wait. */
  readonly maxQueued: number;
  /** The longest wait, in milliseconds. */
  readonly maxWaitMs: number;
}

export const defaultConcurrency: ConcurrencySettings = { max: 1_000, maxQueued: 1_000, maxWaitMs: 30_000 };

/** From which load on calls of a priority are refused. */
export interface Thresholds {
  readonly low: number;
  readonly normal: number;
  readonly high: number;
}

/** When calls are refused since the process itself is short of time or memory. */
export interface SheddingSettings {
  readonly enabled: boolean;
  /** By how much the event loop is late, lastingly, in milliseconds. */
  readonly delayMs: Thresholds;
  /** The share of the memory that is in use, from 0 to 1. */
  readonly memory: Thresholds;
  /** From this share on, the largest calls under way are ended. */
  readonly memoryCritical: number;
}

export const defaultShedding: SheddingSettings = {
  enabled: true,
  delayMs: { low: 250, normal: 500, high: 1_000 },
  memory: { low: 0.85, normal: 0.9, high: 0.95 },
  memoryCritical: 0.95,
};

/** How providers are asked whether they work, without a call. */
export interface ProbeSettings {
  /** How often, in milliseconds. Undefined: never. */
  readonly everyMs: number | undefined;
  /** What is asked for: its list of models, which costs nothing, or a completion of one token. */
  readonly by: 'listing' | 'completion';
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** So many must fail in a row for the provider to count as not working. */
  readonly failures: number;
}

export const defaultProbes: ProbeSettings = { everyMs: 60_000, by: 'listing', timeoutMs: 10_000, failures: 3 };
