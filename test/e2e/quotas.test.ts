import { afterEach, describe, expect, it } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { grpcCode } from '../../src/core/errors.ts';
import { helloRequest } from '../support/calls.ts';
import { connectClient, type DoorClient, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { openAiDoor } from '../support/openai-door.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function gatewayWith(quotas: string): Promise<TestGateway> {
  const gateway = await startGateway({ file: `quotas: ${quotas}\n` });
  open.push(gateway);
  return gateway;
}

function opened(client: DoorClient): DoorClient {
  open.push(client);
  return client;
}

const samples = async (gateway: TestGateway, prefix: string) =>
  (await gateway.metrics()).split('\n').filter((line) => line.startsWith(prefix) && !line.endsWith(' 0'));

describe('a limit', () => {
  it('holds for all doors together, and each tells what it is and when to come again', async () => {
    const gateway = await gatewayWith('{ keys: { anonymous: { requests_per_day: 2 } } }');
    const doors = [grpcClient(gateway.grpcPort), connectClient(gateway.httpPort), openAiDoor(gateway.httpPort)].map(
      opened,
    );
    const [grpc, connect] = doors;
    expect((await grpc?.unary(LlmService.method.complete, helloRequest()))?.error).toBeUndefined();
    expect((await connect?.stream(LlmService.method.streamComplete, helloRequest()))?.error).toBeUndefined();
    for (const door of doors) {
      const { error } = await door.unary(LlmService.method.complete, helloRequest());
      expect(error?.code).toBe(grpcCode.resourceExhausted);
      expect(error?.errorInfo?.reason).toBe('BUDGET_EXCEEDED');
      expect(Number(error?.retryInfo?.retryDelay?.seconds)).toBeGreaterThan(0);
      expect(error?.message).toContain('the key anonymous');
    }
    const labels = 'subject="key",unit="requests",window="day"';
    expect(await samples(gateway, 'llm_limit_refusals_total')).toEqual([`llm_limit_refusals_total{${labels}} 3`]);
    expect(await samples(gateway, 'llm_limit_alerts_total')).toEqual([`llm_limit_alerts_total{${labels}} 1`]);
    const told = gateway.lines().filter(({ msg }) => msg === 'a limit is nearly used up, or is');
    expect(told).toMatchObject([{ subject: 'key', name: 'anonymous', unit: 'requests', limit: 2, used_percent: 100 }]);
  });

  it('answers OpenAI clients with 429 and the limit', async () => {
    const gateway = await gatewayWith('{ all: { requests_per_minute: 1 } }');
    const ask = () =>
      fetch(`http://127.0.0.1:${gateway.httpPort}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'Hello' }] }),
      });
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      error: {
        type: 'rate_limit_error',
        code: 'rate_limit_exceeded',
        antiphon: {
          reason: 'RATE_LIMITED',
          quota_violations: [{ subject: 'all callers together', description: 'A limit of requests within a minute.' }],
        },
      },
    });
  });

  it('of tokens counts what was used, not what was held', async () => {
    const gateway = await gatewayWith('{ all: { tokens_per_day: 1100 } }');
    const client = opened(grpcClient(gateway.grpcPort));
    for (let i = 0; i < 5; i++)
      expect((await client.unary(LlmService.method.complete, helloRequest())).error).toBeUndefined();
  });

  it('of dollars is none that a model without a price can pass, unless the file says so', async () => {
    const env = { LLM_BASE_URL: 'http://127.0.0.1:9/v1', ALLOWED_MODELS: '*' };
    for (const [allow, reason] of [
      ['false', 'BUDGET_EXCEEDED'],
      ['true', 'UPSTREAM_UNREACHABLE'],
    ]) {
      const file = `quotas: { all: { usd_per_day: 1 }, allow_unpriced: ${allow} }\nretry: { max_retries: 0 }\n`;
      const gateway = await startGateway({ env, file });
      open.push(gateway);
      const client = opened(grpcClient(gateway.grpcPort));
      const request = helloRequest('openai_compatible/of-no-known-price');
      const { error } = await client.unary(LlmService.method.complete, request);
      expect(error?.errorInfo?.reason).toBe(reason);
    }
  });

  it('of dollars lets free models through', async () => {
    const gateway = await gatewayWith('{ all: { usd_per_day: 0.000001 } }');
    const client = opened(grpcClient(gateway.grpcPort));
    for (let i = 0; i < 3; i++)
      expect((await client.unary(LlmService.method.complete, helloRequest())).error).toBeUndefined();
  });
});
