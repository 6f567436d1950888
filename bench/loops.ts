import type { Bench, Subject } from './bench.ts';
import type { LoopJob, LoopResult } from './load/job.ts';
import { cpuMs, rssMb } from './usage.ts';

/** What a job may take beyond its own time: calls under way, a slow machine. */
export const SPARE_MS = 120_000;

/** So many wrong answers say enough. */
const ERROR_LIMIT = 20;

export interface Loop {
  readonly model: string;
  readonly concurrency: number;
  readonly seconds: number;
  readonly rampMs?: number;
  readonly everyMs?: number;
}

export const jobOf = (to: Subject['destination'], { model, rampMs = 0, ...loop }: Loop): LoopJob => ({
  kind: 'loop',
  to,
  models: [model],
  rampMs,
  errorLimit: ERROR_LIMIT,
  ...loop,
});

export const runLoop = (bench: Bench, to: Subject['destination'], loop: Loop) =>
  bench.load(jobOf(to, loop), loop.seconds * 1000 + SPARE_MS);

/** Runs a loop and tells what CPU the server used for it. */
export async function measured(bench: Bench, subject: Subject, loop: Loop): Promise<LoopResult & { cpuUs: number }> {
  const beforeMs = cpuMs(subject.pid);
  const result = await runLoop(bench, subject.destination, loop);
  return { ...result, cpuUs: (cpuMs(subject.pid) - beforeMs) * 1000 };
}

/** Looks at a process's memory until `end`, which gives the most seen. */
export function sampleRss(pid: number): { end(): number } {
  let most = rssMb(pid);
  const timer = setInterval(() => {
    most = Math.max(most, rssMb(pid));
  }, 250);
  return {
    end() {
      clearInterval(timer);
      return most;
    },
  };
}
