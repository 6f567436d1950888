import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from '../machine-time.ts';
import type { Caller } from './caller.ts';
import type { LoopJob, LoopResult, Times } from './job.ts';

/** Errors kept for the report. */
const MAX_ERRORS = 20;

/** Keeps `concurrency` calls going for `seconds`, and waits for the last ones. */
export async function runLoop(job: LoopJob, caller: Caller): Promise<LoopResult> {
  const { models, concurrency, seconds, rampMs, everyMs = 0, errorLimit } = job;
  const wholeMs: number[] = [];
  const firstMs: number[] = [];
  const errors: string[] = [];
  const startMs = machineMs();
  const endMs = startMs + seconds * 1000;
  let tokens = 0;

  const one = (model: string) =>
    new Promise<void>((resolve) => {
      const calledMs = machineMs();
      let firstAtMs: number | undefined;
      caller.call(model, {
        token() {
          tokens++;
          firstAtMs ??= machineMs();
        },
        done(error) {
          const doneMs = machineMs();
          wholeMs.push(doneMs - calledMs);
          firstMs.push((firstAtMs ?? doneMs) - calledMs);
          if (error) errors.push(error);
          resolve();
        },
      });
    });
  const callAndRepeat = async (nth: number) => {
    const model = models[nth % models.length] ?? '';
    if (rampMs > 0) await sleep((nth * rampMs) / concurrency);
    let dueMs = machineMs();
    do {
      await one(model);
      dueMs = Math.max(dueMs + everyMs, machineMs());
      if (everyMs > 0) await sleep(dueMs - machineMs());
    } while (machineMs() < endMs && errors.length < errorLimit);
  };

  await Promise.all(Array.from({ length: concurrency }, (_, nth) => callAndRepeat(nth)));
  return {
    calls: wholeMs.length,
    failed: errors.length,
    tokens,
    elapsedMs: machineMs() - startMs,
    whole: timesOf(wholeMs),
    first: timesOf(firstMs),
    errors: errors.slice(0, MAX_ERRORS),
  };
}

function timesOf(values: readonly number[]): Times {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), maxMs: percentile(sorted, 1) };
}

/** Of sorted values; the share is from 0 to 1. NaN of none. */
export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
