import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from '../machine-time.ts';
import type { Caller } from './caller.ts';
import type { LoopJob, LoopResult } from './job.ts';

/** Errors kept for the report; after as many no further call is begun. */
const MAX_ERRORS = 20;

/** Keeps `concurrency` calls going for `seconds`, and waits for the last ones. */
export async function runLoop({ model, concurrency, seconds, rampMs }: LoopJob, caller: Caller): Promise<LoopResult> {
  const latenciesMs: number[] = [];
  const errors: string[] = [];
  const startMs = machineMs();
  const endMs = startMs + seconds * 1000;
  let tokens = 0;

  const token = () => {
    tokens++;
  };
  const one = () =>
    new Promise<void>((resolve) => {
      const calledMs = machineMs();
      caller.call(model, {
        token,
        done(error) {
          latenciesMs.push(machineMs() - calledMs);
          if (error) errors.push(error);
          resolve();
        },
      });
    });
  const callAndRepeat = async (nth: number) => {
    if (rampMs > 0) await sleep((nth * rampMs) / concurrency);
    do await one();
    while (machineMs() < endMs && errors.length < MAX_ERRORS);
  };

  await Promise.all(Array.from({ length: concurrency }, (_, nth) => callAndRepeat(nth)));
  const elapsedMs = machineMs() - startMs;
  latenciesMs.sort((a, b) => a - b);
  return {
    calls: latenciesMs.length,
    tokens,
    elapsedMs,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    errors: errors.slice(0, MAX_ERRORS),
  };
}

/** Of sorted values; the share is from 0 to 1. NaN of none. */
export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
