import type { FinishReason } from '#gen/antiphon/v1/completion_pb.js';

/** What one side makes of one answer. */
export interface Reading {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly ReadCall[];
  /** The provider's own word for the end; empty: it gave none. */
  readonly finish: string;
  readonly unified: FinishReason;
  /** Undefined: the provider gave none. */
  readonly usage: ReadUsage | undefined;
}

export interface ReadCall {
  /** Empty: the provider gave none. */
  readonly id: string;
  readonly name: string;
  /** The JSON value, or the text if it is no JSON. */
  readonly arguments: unknown;
}

/** All input, all output, and those of them that are cached or reasoning. */
export interface ReadUsage {
  readonly input: number;
  readonly output: number;
  readonly total: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly reasoning: number;
}

/** A failure as a package tells it. */
export interface ReadFailure {
  /** The name of the class that it throws. */
  readonly thrown: string;
  /** Undefined: it knows of none, for example where an answer broke off. */
  readonly status: number | undefined;
  /** How long it is asked to wait, in milliseconds. Undefined: nothing was said. */
  readonly retryMs: number | undefined;
  readonly message: string;
}

export type Outcome = { readonly reading: Reading } | { readonly failure: ReadFailure };

/** Arguments as a value, so that spacing and the order of keys do not count. */
export function argumentsValue(text: string): unknown {
  try {
    return JSON.parse(text || '{}');
  } catch {
    return text;
  }
}

/** The wait that headers ask for, as the packages of OpenAI and Anthropic read them. */
export function headerWaitMs(headers: Headers | undefined): number | undefined {
  const waits = [
    Number.parseFloat(headers?.get('retry-after-ms') ?? ''),
    Number.parseFloat(headers?.get('retry-after') ?? '') * 1000,
  ].filter((wait) => !Number.isNaN(wait));
  const wait = waits.find((one) => one > 0) ?? waits[0];
  return wait === undefined ? undefined : Math.round(wait);
}
