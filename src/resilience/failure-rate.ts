import { SlidingWindow } from './sliding-window.ts';

/** The calls of one stretch of time, by how they ended. */
export interface EndedCalls {
  succeeded: number;
  failed: number;
}

const BUCKETS = 10;

/** How many of the calls that ended lately have failed. */
export class FailureRate {
  readonly #window: SlidingWindow<EndedCalls>;

  constructor(windowMs: number) {
    this.#window = new SlidingWindow(windowMs, BUCKETS, () => ({ succeeded: 0, failed: 0 }));
  }

  /** Gives where it was counted, for `failed` if the call fails after all. */
  succeeded(nowMs: number): EndedCalls {
    const calls = this.#window.at(nowMs);
    calls.succeeded++;
    return calls;
  }

  /** `asSuccess`: where it was counted as a success before, so that it is not counted as two calls. */
  failed(nowMs: number, asSuccess?: EndedCalls): void {
    if (asSuccess) asSuccess.succeeded--;
    this.#window.at(nowMs).failed++;
  }

  /** Whether this share of the calls has failed, and there were enough of them to tell. */
  reaches(share: number, minCalls: number, nowMs: number): boolean {
    const succeeded = this.#window.fold(nowMs, 0, (sum, calls) => sum + calls.succeeded);
    const failed = this.#window.fold(nowMs, 0, (sum, calls) => sum + calls.failed);
    const calls = succeeded + failed;
    return calls >= minCalls && failed >= share * calls;
  }
}
