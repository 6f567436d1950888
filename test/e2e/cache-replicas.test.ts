import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CacheStatus } from '#gen/antiphon/v1/completion_pb.js';
import { StoreMode } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { digestOf } from '../../src/access/digest.ts';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { chatBody, startUpstream, type Upstream } from '../support/upstream.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function kept<T extends { close(): unknown }>(one: T): T {
  open.push(one);
  return one;
}

const file = ({ url }: Upstream, more = '') => `
providers:
  there: { kind: openai_compatible, base_url: "${url}", models: [m] }
models: { allowed: ["*"] }
cache: { enabled: true }
shedding: { enabled: false }
${more}
`;

interface Scene {
  readonly upstream: Upstream;
  readonly clients: readonly DoorClient[];
}

/** Gateways with a cache, at one Redis if it is given, before a provider that takes its time. */
async function scene(replicas: number, redisPort: number | undefined): Promise<Scene> {
  const upstream = kept(
    await startUpstream((line) => void setTimeout(() => line.json(200, chatBody('The one answer')), 100)),
  );
  const env: Record<string, string> = redisPort === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${redisPort}` };
  const gateways: TestGateway[] = [];
  // A Redis that has to do with a thousand calls in one process with all else may be late: that is not what is tested.
  const more = 'store: { timeout_ms: 1000 }\nserver: { max_concurrent_streams: 2000 }';
  for (let i = 0; i < replicas; i++) gateways.push(kept(await startGateway({ env, file: file(upstream, more) })));
  const clients = gateways.map(({ grpcPort }) => kept(grpcClient(grpcPort)));
  if (redisPort !== undefined) for (const client of clients) await sharing(client);
  return { upstream, clients };
}

async function sharing(client: DoorClient): Promise<void> {
  for (;;) {
    const { messages } = await client.unary(LlmService.method.health, {});
    if (messages[0]?.store?.mode === StoreMode.SHARED) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function thousandCalls({ clients }: Scene): Promise<readonly (CacheStatus | undefined)[]> {
  const request = { ...helloRequest('there/m'), temperature: 0 };
  const calls = Array.from({ length: 1_000 }, async (_, i) => {
    const client = clients[i % clients.length];
    if (!client) throw new Error('no client');
    if (i % 2 === 0) {
      const { messages, error } = await client.unary(LlmService.method.complete, request, { timeoutMs: 60_000 });
      expect(error).toBeUndefined();
      return messages[0]?.cacheStatus;
    }
    const { messages, error } = await client.stream(LlmService.method.streamComplete, request, { timeoutMs: 60_000 });
    expect(error).toBeUndefined();
    const { event } = messages.at(-1) ?? {};
    return event?.case === 'completed' ? event.value.cacheStatus : undefined;
  });
  return Promise.all(calls);
}

describe('a thousand equal calls at once, streams among them', () => {
  it('are one call of the provider at one replica', { timeout: 120_000 }, async () => {
    const made = await scene(1, undefined);
    const statuses = await thousandCalls(made);
    expect(made.upstream.received).toHaveLength(1);
    expect(statuses.filter((status) => status === CacheStatus.MISS)).toHaveLength(1);
  });

  it.runIf(hasRedis)(
    'are one call of the provider at three replicas that share a Redis',
    { timeout: 120_000 },
    async () => {
      const redis = kept(await startRedis());
      const made = await scene(3, redis.port);
      const statuses = await thousandCalls(made);
      expect(made.upstream.received).toHaveLength(1);
      expect(statuses.filter((status) => status === CacheStatus.MISS)).toHaveLength(1);
      // One that has just come finds the answer wherever it asks.
      for (const client of made.clients) {
        const request = { ...helloRequest('there/m'), temperature: 0 };
        const { messages } = await client.unary(LlmService.method.complete, request);
        expect(messages[0]?.cacheStatus).toBe(CacheStatus.HIT);
      }
      expect(made.upstream.received).toHaveLength(1);
    },
  );
});

describe('answers of one tenant', () => {
  const keys = ['a-one', 'a-two', 'b-one', 'alone', 'lonely'] as const;
  const tenants = { 'a-one': 'a', 'a-two': 'a', 'b-one': 'b', alone: 'key alone', lonely: 'key lonely' };
  const secretOf = (name: string) => `ant_${name}_0123456789abcdef`;
  const access = [
    'access:',
    '  teams: { a: {}, b: {} }',
    '  keys:',
    ...keys.map((name) => {
      const team = name.includes('-') ? `, team: ${name.charAt(0)}` : '';
      return `    - { name: ${name}, hash: "sha256:${digestOf(secretOf(name))}"${team} }`;
    }),
  ].join('\n');

  it('are never given to another', { timeout: 120_000 }, async () => {
    let answers = 0;
    const upstream = kept(await startUpstream((line) => line.json(200, chatBody(`answer ${answers++}`))));
    const gateway = kept(await startGateway({ file: file(upstream, access) }));
    const client = kept(grpcClient(gateway.grpcPort));
    /** Whose call each answer was made for. */
    const madeFor = new Map<string, string>();
    const calls = fc.array(fc.record({ key: fc.constantFrom(...keys), question: fc.nat(4) }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(calls, fc.boolean(), async (asked, atOnce) => {
        const ask = async ({ key, question }: (typeof asked)[number]) => {
          const request = { ...helloRequest('there/m'), temperature: 0, seed: BigInt(question) };
          const headers = { authorization: `Bearer ${secretOf(key)}` };
          const { messages } = await client.unary(LlmService.method.complete, request, { headers });
          const part = messages[0]?.content[0]?.part;
          const text = part?.case === 'text' ? part.value : '';
          expect(text).not.toBe('');
          const owner = madeFor.get(text) ?? `${tenants[key]} ${question}`;
          madeFor.set(text, owner);
          expect(owner).toBe(`${tenants[key]} ${question}`);
        };
        if (atOnce) await Promise.all(asked.map(ask));
        else for (const each of asked) await ask(each);
      }),
      { numRuns: 40 },
    );
    // Otherwise nothing would have been given twice.
    expect(upstream.received.length).toBeLessThanOrEqual(4 * 5);
  });
});
