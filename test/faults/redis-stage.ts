import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { StoreMode } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { chatBody, startUpstream } from '../support/upstream.ts';

const CALLERS = 16;
/** Some calls ask the same, so that the cache is used. */
const QUESTIONS = 400;

/** What happened to the calls of one part of a scene. */
export interface Part {
  readonly calls: number;
  readonly failed: readonly string[];
  /** How long they took, in milliseconds, shortest first. */
  readonly tookMs: readonly number[];
}

export interface RedisScene {
  readonly redis: RedisServer;
  readonly gateway: GatewayProcess;
  /** Makes calls as fast as they are answered, until the work is done. */
  during(work: () => Promise<void>): Promise<Part>;
  store(): Promise<{ readonly mode: StoreMode; readonly failures: number; readonly pending: number }>;
  /** Resolves when Redis is used again, and knows all. */
  recovered(): Promise<void>;
}

const FILE = (upstream: string) => `
providers:
  there: { kind: openai_compatible, base_url: "${upstream}", models: [m] }
models: { allowed: ["*"] }
quotas: { all: { tokens_per_month: 100000000 }, models: { "*": { requests_per_month: 100000000 } } }
cache: { enabled: true }
shedding: { enabled: false }
`;

/** A gateway at a Redis that keeps what it is told over restarts, with limits and a cache, and a provider that answers. */
export async function redisScene(): Promise<RedisScene> {
  const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
  onTestFinished(() => redis.close());
  const upstream = await startUpstream((line) => line.json(200, chatBody('Hello')));
  onTestFinished(() => upstream.close());
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, ANTIPHON_LOG_LEVEL: 'info' };
  const gateway = await spawnGateway({ env, file: FILE(upstream.url) });
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  const store = async () => {
    const { messages } = await client.unary(LlmService.method.health, {});
    const { mode = 0, redisFailureCount = 0n, pending = 0 } = messages[0]?.store ?? {};
    return { mode, failures: Number(redisFailureCount), pending };
  };
  return {
    redis,
    gateway,
    store,
    during: (work) => load(client, work),
    async recovered() {
      for (;;) {
        const { mode, pending } = await store();
        if (mode === StoreMode.SHARED && pending === 0) return;
        await sleep(20);
      }
    },
  };
}

async function load(client: DoorClient, work: () => Promise<void>): Promise<Part> {
  const failed: string[] = [];
  const tookMs: number[] = [];
  const state = { isOver: false, calls: 0 };
  const caller = async () => {
    while (!state.isOver) {
      const number = state.calls++;
      const began = performance.now();
      const request = {
        ...helloRequest('there/m'),
        temperature: 0,
        seed: BigInt(number % QUESTIONS),
        stop: [`${number % 3}`],
      };
      const { error } = await client.unary(LlmService.method.complete, request, { timeoutMs: 30_000 });
      tookMs.push(performance.now() - began);
      if (error) failed.push(`${error.code} ${error.message}`);
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  await work();
  state.isOver = true;
  await Promise.all(callers);
  return { calls: tookMs.length, failed, tookMs: tookMs.toSorted((a, b) => a - b) };
}

/** Of sorted numbers: so many of a hundred are not more. */
export const percentile = ({ tookMs }: Part, percent: number): number =>
  tookMs[Math.min(tookMs.length - 1, Math.floor((tookMs.length * percent) / 100))] ?? 0;
