import { describe, expect, it, onTestFinished } from 'vitest';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type LoadResult, runLoad } from './outage/load.ts';
import { type Condition, startProviders } from './outage/providers.ts';

const strategies = ['round_robin', 'least_latency', 'priority'] as const;

/** As users configure it; only the breaker's times are shorter, so that a short run sees several of its rounds. */
const configuration = ([a, b, c]: readonly string[]) => `
providers:
  a: { base_url: "${a}" }
  b: { base_url: "${b}" }
  c: { base_url: "${c}" }
models:
  default: a/river
  allowed: ["*"]
routing:
  routes:
${strategies.map((strategy) => `    ${strategy}: { strategy: ${strategy}, targets: [a/river, b/river, c/river] }`).join('\n')}
breaker: { open_ms: 100, max_open_ms: 400 }
`;

interface Outage extends LoadResult {
  /** Requests that reached a provider, and tries that found nobody listening. */
  readonly upstreamCalls: number;
  readonly opened: number;
}

async function outage(strategy: string, condition: Condition, deadlineMs: number): Promise<Outage> {
  const providers = await startProviders();
  onTestFinished(() => providers.close());
  const gateway = await startGateway({ file: configuration(providers.urls) });
  onTestFinished(() => gateway.close());
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  const load = { model: strategy, callers: 20, callsEach: 40, deadlineMs };
  await runLoad(client, { ...load, callsEach: 5 });
  const before = providers.received;
  const running = runLoad(client, load);
  // The first calls are under way.
  while (providers.received < before + load.callers) await new Promise(setImmediate);
  await providers.become(condition);
  const result = await running;
  const refused = result.tries.filter(({ errorReason }) => errorReason === ErrorReason.UPSTREAM_UNREACHABLE);
  return {
    ...result,
    upstreamCalls: providers.received - before + refused.length,
    opened: await breakerOpenings(gateway),
  };
}

async function breakerOpenings(gateway: TestGateway): Promise<number> {
  const page = await gateway.metrics();
  return Number(/^llm_breaker_transitions_total\{provider="a",state="open"[^}]*\} (\d+)/m.exec(page)?.[1]);
}

/** With what deadline, in milliseconds, and how often the breaker must have opened at least. */
const modes: readonly (readonly [Condition, number, number])[] = [
  ['failing', 10_000, 1],
  ['gone', 10_000, 1],
  ['slow', 2_500, 1],
  ['flapping', 10_000, 2],
];

describe.each(strategies)('three providers by %s', (strategy) => {
  it('that all work get each call once', async () => {
    const { calls, problems, upstreamCalls, opened } = await outage(strategy, 'working', 10_000);
    expect(problems).toEqual([]);
    expect(upstreamCalls).toBe(calls);
    expect(opened).toBe(0);
  });

  it.each(modes)('one of them %s: every call is answered, with few calls too many', async (...mode) => {
    const [condition, deadlineMs, leastOpenings] = mode;
    const { calls, problems, tries, upstreamCalls, opened } = await outage(strategy, condition, deadlineMs);
    expect(problems).toEqual([]);
    expect(upstreamCalls).toBeLessThanOrEqual(1.2 * calls);
    // One slow answer keeps calls from a target for so long that its breaker may have nothing to do.
    if (strategy !== 'least_latency') expect(opened).toBeGreaterThanOrEqual(leastOpenings);
    // A request that breaks off with its connection is sent again within the same try.
    if (condition !== 'gone') expect(tries).toHaveLength(upstreamCalls);
  });
});
