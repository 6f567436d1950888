import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from '../machine-time.ts';
import { hangModel, streamModel } from '../workload.ts';
import type { Caller } from './caller.ts';
import type { CancelJob, CancelResult } from './job.ts';

/** Until a unary request is surely with the upstream, which does not answer it. */
const SETTLE_MS = 20;
/** How long the first token may take. */
const PATIENCE_MS = 5_000;

/** Begins calls that would go on for long, and cancels each: unary ones while they wait, streams after some tokens. */
export async function runCancel({ stream, times }: CancelJob, caller: Caller): Promise<CancelResult> {
  const cancelled: { model: string; atMs: number }[] = [];
  const errors: string[] = [];
  for (let i = 0; i < times; i++) {
    const model = stream ? streamModel(100_000, 50, i) : hangModel(i);
    const flowing = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    let early = true;
    const cancel = caller.call(model, {
      token: () => flowing.resolve(),
      done(error) {
        if (early) errors.push(`over before it was cancelled: ${error}`);
        flowing.resolve();
        over.resolve();
      },
    });
    if (stream) await Promise.race([flowing.promise, sleep(PATIENCE_MS)]);
    await sleep(SETTLE_MS);
    early = false;
    cancelled.push({ model, atMs: machineMs() });
    cancel();
    await over.promise;
  }
  return { cancelled, errors };
}
