import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Subject } from './bench.ts';
import { halfLoad } from './half-load.ts';
import type { LoopResult } from './load/job.ts';
import { percentile } from './load/loop.ts';
import { type Loop, measured, runLoop, SPARE_MS, sampleRss } from './loops.ts';
import { mixed } from './mixed.ts';
import type { Metrics, Scenario } from './scenario.ts';
import { rssMb } from './usage.ts';
import { answerModel, streamModel } from './workload.ts';

const UNARY_CALLERS = 32;
const LATENCY_CALLERS = 1;
const FAST_STREAMS = 16;
const FAST_TOKENS = 500;
export const TOKENS_PER_SECOND = 50;

/** Scenarios that are one loop, and differ in what is read off it. */
const loopScenario = (
  name: string,
  loop: Omit<Loop, 'seconds'>,
  metrics: (result: LoopResult & { cpuUs: number }) => Metrics,
): Scenario => ({
  name,
  async warmUp(bench, subject, { warmUpSeconds }) {
    await runLoop(bench, subject.destination, { ...loop, seconds: warmUpSeconds });
  },
  async round(bench, subject, { seconds }) {
    const result = await measured(bench, subject, { ...loop, seconds });
    return { metrics: metrics(result), errors: result.errors };
  },
});

const unary = loopScenario(
  'unary',
  { model: answerModel, concurrency: UNARY_CALLERS },
  ({ calls, elapsedMs, cpuUs }) => ({ callsPerSecond: (calls / elapsedMs) * 1000, cpuUsPerCall: cpuUs / calls }),
);

const fast = loopScenario(
  'fast',
  { model: streamModel(FAST_TOKENS, 0), concurrency: FAST_STREAMS },
  ({ tokens, elapsedMs, cpuUs }) => ({
    fastTokensPerSecond: (tokens / elapsedMs) * 1000,
    fastCpuUsPerToken: cpuUs / tokens,
  }),
);

/** What a caller waits longer than without the server, one call at a time. */
const latency: Scenario = {
  name: 'latency',
  async warmUp(bench, { destination }, { warmUpSeconds: seconds }) {
    for (const to of [bench.direct, destination]) {
      await runLoop(bench, to, { model: answerModel, concurrency: LATENCY_CALLERS, seconds: seconds / 2 });
    }
  },
  async round(bench, { destination }, { seconds }) {
    const loop = { model: answerModel, concurrency: LATENCY_CALLERS, seconds: seconds / 2 };
    const direct = await runLoop(bench, bench.direct, loop);
    const through = await runLoop(bench, destination, loop);
    return {
      metrics: {
        directP50Ms: direct.whole.p50Ms,
        addedP50Ms: through.whole.p50Ms - direct.whole.p50Ms,
        addedP99Ms: through.whole.p99Ms - direct.whole.p99Ms,
      },
      errors: [...direct.errors, ...through.errors],
    };
  },
};

/** Many streams at a reader's pace. It comes first, so that the memory it shows is not that of what was before. */
const paced: Scenario = {
  name: 'paced',
  async warmUp(bench, { destination }, { warmUpSeconds }) {
    const model = streamModel(Math.ceil((warmUpSeconds / 3) * TOKENS_PER_SECOND), TOKENS_PER_SECOND);
    await runLoop(bench, destination, { model, concurrency: 300, seconds: 0, rampMs: 500 });
  },
  async round(bench, subject, { pacedStreams, pacedSeconds }) {
    const model = streamModel(pacedSeconds * TOKENS_PER_SECOND, TOKENS_PER_SECOND);
    const samples = sampleRss(subject.pid);
    const loop = { model, concurrency: pacedStreams, seconds: 0, rampMs: 1000 };
    const { tokens, elapsedMs, whole, cpuUs, errors } = await measured(bench, subject, loop);
    return {
      metrics: {
        pacedCpuUsPerToken: cpuUs / tokens,
        pacedTokensPerSecond: (pacedSeconds * TOKENS_PER_SECOND * 1000) / whole.p50Ms,
        pacedBusy: cpuUs / 1000 / elapsedMs,
        pacedRssMb: samples.end(),
      },
      errors,
    };
  },
};

/** Memory of a server that has just started. */
const idle: Scenario = {
  name: 'idle',
  warmUp: () => sleep(300),
  async round(_, { pid }) {
    return { metrics: { idleRssMb: rssMb(pid) }, errors: [] };
  },
};

/** From a caller's cancel to the closed socket upstream. */
const cancel: Scenario = {
  name: 'cancel',
  async warmUp(bench, subject) {
    await cancelLatencies(bench, subject, true, 5);
    await cancelLatencies(bench, subject, false, 5);
  },
  async round(bench, subject, { cancels }) {
    const unaryCalls = await cancelLatencies(bench, subject, false, cancels);
    const streams = await cancelLatencies(bench, subject, true, cancels);
    return {
      metrics: {
        cancelUnaryP50Ms: percentile(unaryCalls.ms, 0.5),
        cancelUnaryMaxMs: unaryCalls.ms.at(-1) ?? Number.NaN,
        cancelStreamP50Ms: percentile(streams.ms, 0.5),
        cancelStreamMaxMs: streams.ms.at(-1) ?? Number.NaN,
      },
      errors: [...unaryCalls.errors, ...streams.errors],
    };
  },
};

/** Sorted. */
async function cancelLatencies(bench: Bench, { destination: to }: Subject, stream: boolean, times: number) {
  const { cancelled, errors } = await bench.load({ kind: 'cancel', to, stream, times }, SPARE_MS);
  const problems = [...errors];
  const ms: number[] = [];
  for (const { model, atMs } of cancelled) {
    const closedMs = await bench.closedMs(model);
    if (closedMs === undefined) problems.push(`${model}: the upstream's socket stayed open`);
    else ms.push(closedMs - atMs);
  }
  return { ms: ms.sort((a, b) => a - b), errors: problems };
}

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [idle, paced, mixed, unary, fast, latency, halfLoad, cancel];
