import { onTestFinished } from 'vitest';
import type { HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type CountingClock, countingClock } from '../support/counting-clock.ts';
import { grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Script, startUpstream, type Upstream } from '../support/upstream.ts';
import { watchDoors } from './cancellation-doors.ts';
import { playing, SLOW_MS, type Told } from './cancellation-plays.ts';

/** What is open or waits for something. */
export interface Open {
  /** Connections to providers, by their own count. */
  readonly sockets: number;
  /** Timers of the gateway. */
  readonly timers: number;
}

/** A gateway with everything on that may wait or send more than one request, and the providers that it asks. */
export interface Stage {
  /** Whether providers take long to answer, and the gateway waits long before it tries again. At first they do not. */
  isSlow: boolean;
  readonly gateway: TestGateway;
  readonly clock: CountingClock;
  /** Calls that have come to the gateway. */
  readonly arrived: number;
  /** Requests that providers have got. */
  readonly received: number;
  /** Answers that providers have sent whole, those to shadows apart. */
  readonly answered: number;
  readonly open: Open;
  health(): Promise<HealthResponse>;
}

const file = (first: Upstream, second: Upstream, deaf: Upstream) => ({
  telemetry: { log_level: 'info' },
  models: { allowed: ['*'] },
  providers: {
    first: { kind: 'openai_compatible', base_url: first.url },
    narrow: { kind: 'openai_compatible', base_url: first.url, max_concurrency: 1 },
    second: { kind: 'openai_compatible', base_url: second.url },
    // It takes connections and says nothing, so that TLS never comes about.
    deaf: { kind: 'openai_compatible', base_url: deaf.url.replace('http:', 'https:') },
  },
  probes: { enabled: false },
  // One permission for each provider: one that is not given back is missed at once.
  retry: {
    max_retries: RETRIES,
    before_fallback: 0,
    base_ms: SLOW_MS,
    max_ms: SLOW_MS,
    budget_percent: 0,
    budget_floor: 1,
  },
  breaker: { consecutive_failures: 1000, min_calls: 1_000_000 },
  routing: {
    routes: { either: { targets: EITHER }, rather: { targets: EITHER } },
    rules: [
      { name: 'hedged', match: { models: ['either'] }, hedge: { after_ms: 5 } },
      { name: 'hedged-late', match: { models: ['rather'] }, hedge: { after_ms: SLOW_MS } },
      { name: 'shadowed', match: { models: ['first/drip'] }, shadow: { to: 'second/late', percent: 100 } },
      { name: 'judged', match: { models: ['first/cut'] }, escalate: { on: ['truncated'], to: ['second/silent'] } },
    ],
  },
});

const EITHER = ['first/silent', 'second/late'];

/** How often a try is repeated that fails. */
export const RETRIES = 3;

/** Closed when the test is over. */
export async function openStage(): Promise<Stage> {
  const told: Told = { answered: 0, isSlow: false };
  const doors = watchDoors();
  onTestFinished(() => doors.close());
  const upstreams = [await opened(playing(told)), await opened(playing(told)), await opened(() => undefined)] as const;
  const clock = countingClock(() => (told.isSlow ? 0.99 : 0.01));
  const gateway = await startGateway({ file: JSON.stringify(file(...upstreams)), clock });
  onTestFinished(() => gateway.close());
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  const sum = (count: (upstream: Upstream) => number) => upstreams.reduce((all, each) => all + count(each), 0);
  return {
    get isSlow() {
      return told.isSlow;
    },
    set isSlow(isSlow) {
      told.isSlow = isSlow;
    },
    gateway,
    clock,
    get arrived() {
      return doors.arrived;
    },
    get received() {
      return sum(({ received }) => received.length);
    },
    get answered() {
      return told.answered;
    },
    get open() {
      return { sockets: sum(({ open }) => open), timers: clock.pending };
    },
    async health() {
      const { messages } = await client.unary(LlmService.method.health, {});
      const [health] = messages;
      if (!health) throw new Error('the gateway does not tell how it is');
      return health;
    },
  };
}

async function opened(script: Script): Promise<Upstream> {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  return upstream;
}
