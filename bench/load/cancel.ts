import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from '../machine-time.ts';
import { hangModel, streamModel } from '../workload.ts';
import type { Caller } from './caller.ts';
import type { CancelJob, CancelResult } from './job.ts';

/** Between the sign that a call is under way and its cancel. */
const SETTLE_MS = 20;
/** How long that sign may take. */
const PATIENCE_MS = 5_000;

/** Which requests the upstream has, as it tells. */
export class Arrivals {
  readonly #models = new Set<string>();

  add(model: string): void {
    this.#models.add(model);
  }

  /** Resolves when the request is there, to true; to false if it does not come in time. */
  async of(model: string): Promise<boolean> {
    const endMs = machineMs() + PATIENCE_MS;
    while (!this.#models.delete(model)) {
      if (machineMs() > endMs) return false;
      await sleep(2);
    }
    return true;
  }
}

/** Begins calls that would go on for long, and cancels each: unary ones while they wait, streams after some tokens. */
export async function runCancel(
  { stream, times }: CancelJob,
  caller: Caller,
  arrivals: Arrivals,
): Promise<CancelResult> {
  const cancelled: { model: string; atMs: number }[] = [];
  const errors: string[] = [];
  for (let i = 0; i < times; i++) {
    const model = stream ? streamModel(100_000, 50, i) : hangModel(i);
    const flowing = Promise.withResolvers<boolean>();
    const over = Promise.withResolvers<void>();
    let early = true;
    const cancel = caller.call(model, {
      token: () => flowing.resolve(true),
      done(error) {
        if (early) errors.push(`${model} was over before it was cancelled: ${error}`);
        flowing.resolve(false);
        over.resolve();
      },
    });
    const underWay = stream ? Promise.race([flowing.promise, sleep(PATIENCE_MS, false)]) : arrivals.of(model);
    if (!(await underWay)) errors.push(`${model} did not get under way`);
    await sleep(SETTLE_MS);
    early = false;
    cancelled.push({ model, atMs: machineMs() });
    cancel();
    await over.promise;
  }
  return { cancelled, errors };
}
