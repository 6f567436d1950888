import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HealthStatus, StoreMode } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { grpcClient } from '../support/doors.ts';
import { startGateway } from '../support/gateway.ts';
import { freePort, hasRedis, startRedis } from '../support/redis-server.ts';

const { health } = LlmService.method;
const PATIENCE = { timeout: 20_000, interval: 20 };

async function gatewayWith(env: Record<string, string>, file?: string) {
  const gateway = await startGateway({ env, ...(file === undefined ? {} : { file }) });
  onTestFinished(() => gateway.close());
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  const state = async () => (await client.unary(health, {})).messages[0];
  return { gateway, state };
}

const metric = async ({ metrics }: { metrics(): Promise<string> }, name: string): Promise<number> =>
  Number(
    (await metrics())
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );

describe('a gateway', () => {
  it('keeps all in memory if it is told nothing', async () => {
    const { gateway, state } = await gatewayWith({});
    expect(await state()).toMatchObject({
      status: HealthStatus.SERVING,
      store: { mode: StoreMode.MEMORY, localCacheAvailable: true, redisAvailable: false },
    });
    expect(await metric(gateway, 'llm_store_degraded')).toBe(0);
  });

  it('keeps all in a file, or says why it cannot', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'antiphon-open-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { state } = await gatewayWith({ ANTIPHON_SQLITE_PATH: join(folder, 'store.db') });
    expect(await state()).toMatchObject({ status: HealthStatus.SERVING, store: { mode: StoreMode.FILE } });
    const nowhere = join(folder, 'none', 'store.db');
    await expect(startGateway({ env: { ANTIPHON_SQLITE_PATH: nowhere } })).rejects.toThrow(
      /store's file .* cannot be opened: .* Its folder must exist/,
    );
  });

  it('starts without its Redis, and says so', async () => {
    const url = `redis://:a-password@127.0.0.1:${await freePort()}`;
    const { gateway, state } = await gatewayWith({ REDIS_URL: url });
    expect(await state()).toMatchObject({
      status: HealthStatus.DEGRADED,
      store: { mode: StoreMode.LOCAL, redisAvailable: false },
    });
    expect(await metric(gateway, 'llm_store_degraded')).toBe(1);
    expect(await metric(gateway, 'llm_store_failures_total{reason="unreachable"}')).toBeGreaterThan(0);
    expect(gateway.lines().map(({ msg }) => msg)).toContain('the shared store is away: each replica decides alone');
    expect(gateway.logText()).not.toContain('a-password');
  });
});

describe.skipIf(!hasRedis)('a gateway with a Redis', () => {
  it('shares it', async () => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    const { gateway, state } = await gatewayWith({ REDIS_URL: `redis://127.0.0.1:${server.port}` });
    const becomes = (mode: StoreMode, status: HealthStatus) =>
      vi.waitFor(async () => expect(await state()).toMatchObject({ status, store: { mode } }), PATIENCE);
    await becomes(StoreMode.SHARED, HealthStatus.SERVING);
    expect(await server.command('EXISTS', 'antiphon:v:~probe')).toBe(1);
    expect(await metric(gateway, 'llm_store_degraded')).toBe(0);
    expect(gateway.lines().map(({ msg }) => msg)).toContain('the shared store is in use');
  });

  it('takes it when it comes later', async () => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    await server.stop();
    const { state } = await gatewayWith({ REDIS_URL: `redis://127.0.0.1:${server.port}` });
    expect(await state()).toMatchObject({ status: HealthStatus.DEGRADED });
    await server.start();
    await vi.waitFor(async () => expect(await state()).toMatchObject({ status: HealthStatus.SERVING }), PATIENCE);
  });
});
