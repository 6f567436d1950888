import { runLoop } from './loops.ts';
import type { Scenario } from './scenario.ts';
import { answerModel } from './workload.ts';

const CALLERS = 32;

/**
 * What a caller waits longer than without the server, when that has half of what it can do: first it is found out how
 * many calls a second it answers, then each caller makes its calls in equal time, half as many together.
 */
export const halfLoad: Scenario = {
  name: 'half',
  async warmUp(bench, { destination }, { warmUpSeconds: seconds }) {
    await runLoop(bench, destination, { model: answerModel, concurrency: CALLERS, seconds });
  },
  async round(bench, { destination }, { seconds }) {
    const full = { model: answerModel, concurrency: CALLERS, seconds };
    const { calls, elapsedMs, errors } = await runLoop(bench, destination, full);
    const everyMs = (2 * CALLERS * elapsedMs) / calls;
    const half = { ...full, everyMs, rampMs: everyMs };
    const direct = await runLoop(bench, bench.direct, half);
    const through = await runLoop(bench, destination, half);
    return {
      metrics: {
        halfCallsPerSecond: (through.calls / through.elapsedMs) * 1000,
        halfAddedP50Ms: through.whole.p50Ms - direct.whole.p50Ms,
        halfAddedP99Ms: through.whole.p99Ms - direct.whole.p99Ms,
      },
      errors: [...errors, ...direct.errors, ...through.errors],
    };
  },
};
