import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Subject } from './bench.ts';
import type { LoopsJob } from './load/job.ts';
import { jobOf, SPARE_MS, sampleRss } from './loops.ts';
import { sumOf } from './metrics-page.ts';
import type { Round, Scenario } from './scenario.ts';
import { cpuMs } from './usage.ts';
import { afterMs, answerModel, providerNames, streamModel } from './workload.ts';

/** Of each stream: about twice what people read, and so little that two cores can do all of it. */
export const MIXED_TOKENS_PER_SECOND = 10;

/** How long the provider of the calls that do not stream takes for each. */
export const MIXED_ANSWER_MS = 2_000;

interface Load {
  /** Streams, and as many calls that do not stream. */
  readonly each: number;
  readonly seconds: number;
}

function jobFor({ destination }: Subject, { each: concurrency, seconds }: Load): LoopsJob {
  const [first, second] = providerNames.map((name) => ({ ...destination, modelPrefix: `${name}/` }));
  if (!first || !second) throw new Error('there must be two providers');
  const streams = streamModel(seconds * MIXED_TOKENS_PER_SECOND, MIXED_TOKENS_PER_SECOND);
  const answers = afterMs(MIXED_ANSWER_MS, answerModel);
  const loops = [
    jobOf(first, { model: streams, concurrency, seconds: 0, rampMs: 1_000 }),
    jobOf(second, { model: answers, concurrency, seconds, rampMs: MIXED_ANSWER_MS }),
  ];
  return { kind: 'loops', loops };
}

const run = (bench: Bench, subject: Subject, load: Load) =>
  bench.load(jobFor(subject, load), load.seconds * 1000 + SPARE_MS);

/** Calls that the gateway has refused for want of room: there is room for all of these. */
const refusals = (page: string): number => sumOf(page, 'llm_shed_total') + sumOf(page, 'llm_queue_refusals_total');

async function round(bench: Bench, subject: Subject, load: Load): Promise<Round> {
  const refusedBefore = refusals(await subject.metrics());
  const beforeMs = cpuMs(subject.pid);
  const memory = sampleRss(subject.pid);
  const midway = sleep(load.seconds * 600).then(() => subject.metrics());
  const [streams, calls] = await run(bench, subject, load);
  if (!streams || !calls) throw new Error('a loop has no result');
  const usedMs = cpuMs(subject.pid) - beforeMs;
  const refused = refusals(await subject.metrics()) - refusedBefore;
  const inFlight = sumOf(await midway, 'llm_active_requests');
  return {
    metrics: {
      ...(subject.name === 'gateway' ? { mixedInFlight: inFlight } : {}),
      mixedBusy: usedMs / Math.max(streams.elapsedMs, calls.elapsedMs),
      mixedRssMb: memory.end(),
      mixedTokensPerSecond: (load.seconds * MIXED_TOKENS_PER_SECOND * 1000) / streams.whole.p50Ms,
      mixedAddedP50Ms: calls.whole.p50Ms - MIXED_ANSWER_MS,
      mixedAddedP99Ms: calls.whole.p99Ms - MIXED_ANSWER_MS,
    },
    errors: [...streams.errors, ...calls.errors, ...(refused > 0 ? [`${refused} calls were refused`] : [])],
  };
}

/** As many streams of one provider as it takes at once, and as many calls in flight at another. */
export const mixed: Scenario = {
  name: 'mixed',
  async warmUp(bench, subject, { warmUpSeconds }) {
    await run(bench, subject, { each: 200, seconds: Math.ceil(warmUpSeconds / 3) });
  },
  round: (bench, subject, { pacedStreams, pacedSeconds }) =>
    round(bench, subject, { each: pacedStreams, seconds: pacedSeconds }),
};
