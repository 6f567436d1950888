import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CacheStatus, type CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../../support/calls.ts';
import { type DoorClient, type DoorReply, grpcClient } from '../../support/doors.ts';
import { type GatewayProcess, spawnGateway } from '../../support/process.ts';
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/scene.ts';
import { chatBody, type Script, startUpstream, type Upstream } from '../../support/upstream.ts';

const { complete } = LlmService.method;

const KEY = 'a key that nobody else has';
const request = { ...helloRequest('test/m'), idempotencyKey: KEY };

interface Replica {
  readonly gateway: GatewayProcess;
  readonly client: DoorClient;
}

/** A provider, and processes that begin with the same settings. */
async function stageOf(script: Script, settings: object, env: Record<string, string> = {}) {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  const file = JSON.stringify({
    providers: { test: { kind: 'openai_compatible', base_url: upstream.url, models: ['m'] } },
    models: { allowed: ['*'] },
    retry: { max_retries: 0 },
    server: { drain_delay_ms: 0 },
    ...settings,
  });
  const start = async (): Promise<Replica> => {
    const gateway = await spawnGateway({ file, env });
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    return { gateway, client };
  };
  return { upstream, start };
}

const textOf = ({ messages: [response] }: DoorReply<CompleteResponse>): string =>
  (response?.content ?? []).map(({ part }) => (part.case === 'text' ? part.value : '')).join('');

const statusOf = ({ messages: [response] }: DoorReply<CompleteResponse>) => response?.cacheStatus;

const asked = (upstream: Upstream, times: number) =>
  until(`request ${times}`, () => upstream.received.length >= times, 60_000);

/** The first request has no answer until it is told to; the others have theirs at once. */
function firstGated() {
  const gate = Promise.withResolvers<void>();
  onTestFinished(() => gate.resolve());
  const script: Script = async (line, n) => {
    if (n === 0) await gate.promise;
    line.json(200, chatBody(`answer ${n}`));
  };
  return { script, open: () => gate.resolve() };
}

it('a process with a file has the answer after it was killed and started again', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'antiphon-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const settings = { store: { sqlite_path: join(folder, 'store.db') } };
  const { upstream, start } = await stageOf((line, n) => line.json(200, chatBody(`answer ${n}`)), settings);
  const before = await start();
  const first = await before.client.unary(complete, request);
  before.gateway.signal('SIGKILL');
  await before.gateway.exited;
  const after = await start();
  const again = await after.client.unary(complete, request);
  expect([first, again].map(textOf)).toEqual(['answer 0', 'answer 0']);
  expect(again.messages[0]?.cost).toEqual(first.messages[0]?.cost);
  expect(statusOf(again)).toBe(CacheStatus.REPLAYED);
  expect(upstream.received).toHaveLength(1);
  expect(before.gateway.stdout() + after.gateway.stdout()).not.toContain(KEY);
});

it('a process that drains waits for a call whose caller has left', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'antiphon-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const settings = { store: { sqlite_path: join(folder, 'store.db') } };
  const { script, open } = firstGated();
  const { upstream, start } = await stageOf(script, settings);
  const before = await start();
  const left = before.client.unary(complete, request, { timeoutMs: 1_000 });
  await asked(upstream, 1);
  expect((await left).error?.code).toBe(4);
  before.gateway.signal('SIGTERM');
  open();
  await before.gateway.exited;
  const after = await start();
  const again = await after.client.unary(complete, request);
  expect([textOf(again), statusOf(again), upstream.received.length]).toEqual(['answer 0', CacheStatus.REPLAYED, 1]);
});

describe.runIf(hasRedis)('two replicas at one Redis', () => {
  const replicas = async (script: Script, idempotency: object = {}) => {
    const redis: RedisServer = await startRedis();
    onTestFinished(() => redis.close());
    // However busy this machine is, Redis is not left alone.
    const settings = { store: { timeout_ms: 1_000 }, idempotency };
    const { upstream, start } = await stageOf(script, settings, { REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    const [one, other] = [await start(), await start()];
    return { redis, upstream, one, other };
  };

  it('make one call of two', { timeout: 120_000 }, async () => {
    const { script, open } = firstGated();
    const { upstream, redis, one, other } = await replicas(script);
    const first = one.client.unary(complete, request);
    await asked(upstream, 1);
    const second = other.client.unary(complete, request);
    const mismatch = await other.client.unary(complete, { ...request, temperature: 1 });
    expect(mismatch.error?.errorInfo?.reason).toBe('IDEMPOTENCY_MISMATCH');
    open();
    const replies = await Promise.all([first, second]);
    expect(replies.map(textOf)).toEqual(['answer 0', 'answer 0']);
    expect(replies.map(statusOf)).toEqual([CacheStatus.BYPASS, CacheStatus.REPLAYED]);
    expect(upstream.received).toHaveLength(1);
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys.join()).toContain('idempotency:key:');
    expect(keys.join()).not.toContain(KEY);
  });

  it('say that they wait in vain', { timeout: 120_000 }, async () => {
    const { script, open } = firstGated();
    const { upstream, one, other } = await replicas(script, { wait_ms: 100 });
    const first = one.client.unary(complete, request);
    await asked(upstream, 1);
    const { error } = await other.client.unary(complete, request);
    expect(error).toMatchObject({ code: 10, errorInfo: { reason: 'IDEMPOTENCY_IN_PROGRESS' } });
    expect(error?.retryInfo?.retryDelay).toBeDefined();
    open();
    expect(textOf(await first)).toBe('answer 0');
    expect(statusOf(await other.client.unary(complete, request))).toBe(CacheStatus.REPLAYED);
  });

  it('go on without the one that was killed at work', { timeout: 120_000 }, async () => {
    const { script } = firstGated();
    const { upstream, one, other } = await replicas(script, { lease_ms: 3_000 });
    const first = one.client.unary(complete, request);
    await asked(upstream, 1);
    const second = other.client.unary(complete, request);
    one.gateway.signal('SIGKILL');
    expect((await first).error).toBeDefined();
    const reply = await second;
    expect([textOf(reply), upstream.received.length]).toEqual(['answer 1', 2]);
    expect(statusOf(await other.client.unary(complete, request))).toBe(CacheStatus.REPLAYED);
    expect(await other.gateway.metrics()).toMatch(
      /llm_idempotency_requests_total\{[^}]*result="taken_over"[^}]*\} 1\n/,
    );
  });
});
