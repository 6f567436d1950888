import type { Clock } from '../core/clock.ts';
import { type ErrorKind, errorRule } from '../core/errors.ts';
import type { Tell } from '../core/news.ts';

/** What came of the last probe. */
export interface LastProbe {
  readonly succeeded: boolean;
  /** Undefined: it succeeded. */
  readonly reason: ErrorKind | undefined;
  /** How long ago it ended. */
  readonly ageMs: number;
  readonly durationMs: number;
}

/** Whatever else is wrong, a provider that says so works: the key, the list or the one model is at fault. */
const ANSWERS: ReadonlySet<ErrorKind> = new Set([
  'upstream_auth',
  'upstream_billing',
  'upstream_rate_limited',
  'upstream_rejected',
  'upstream_not_found',
  'upstream_too_large',
  'context_length_exceeded',
  'content_blocked',
]);

/** Undefined: the provider was not asked, so that nothing is known of it. */
function answered(error: ErrorKind | undefined): boolean | undefined {
  if (error === undefined || ANSWERS.has(error)) return true;
  return errorRule(error).trips ? false : undefined;
}

/** Whether a provider counts as working, by the probes of it. */
export class ProbeState {
  readonly #provider: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #tell: Tell;
  #failures: number;
  #failed = 0;
  #last:
    | { readonly succeeded: boolean; readonly reason: ErrorKind | undefined; readonly durationMs: number }
    | undefined;
  /** When the last one ended; before, when there could have been one. */
  #endedMs: number;

  /** `failures`: so many probes must fail in a row for it to count as not working. */
  constructor(
    provider: string,
    { failures, clock, tell }: { readonly failures: number; readonly clock: Pick<Clock, 'now'>; readonly tell: Tell },
  ) {
    this.#provider = provider;
    this.#failures = failures;
    this.#clock = clock;
    this.#endedMs = clock.now();
    this.#tell = tell;
  }

  /** It does until probes say otherwise. */
  get works(): boolean {
    return this.#failed < this.#failures;
  }

  /** Undefined: none has told anything yet. */
  get last(): LastProbe | undefined {
    return this.#last && { ...this.#last, ageMs: this.idleMs };
  }

  /** How long there has been no probe. */
  get idleMs(): number {
    return this.#clock.now() - this.#endedMs;
  }

  /** A probe is over. Undefined: it went well. Tells when it changes whether the provider works. */
  ended(error: ErrorKind | undefined, durationMs: number): void {
    const succeeded = answered(error);
    if (succeeded === undefined) return;
    const worked = this.works;
    this.#failed = succeeded ? 0 : this.#failed + 1;
    this.#last = { succeeded, reason: succeeded ? undefined : error, durationMs };
    this.#endedMs = this.#clock.now();
    this.#tellChange(worked);
  }

  /** From now on so many probes must fail in a row. What is known of those that ended stays. */
  reconfigure(failures: number): void {
    const worked = this.works;
    this.#failures = failures;
    this.#tellChange(worked);
  }

  /** It is not probed any more: what probes said holds no longer. */
  forget(): void {
    this.#failed = 0;
    this.#last = undefined;
    this.#endedMs = this.#clock.now();
  }

  #tellChange(worked: boolean): void {
    const { works } = this;
    if (works !== worked) this.#tell({ type: 'probe', provider: this.#provider, works, reason: this.#last?.reason });
  }
}
