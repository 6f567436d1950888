import { toJsonString } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CompleteResponseSchema, StreamCompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { HealthResponseSchema } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { ListModelsResponseSchema } from '#gen/antiphon/v1/model_pb.js';
import { helloRequest } from '../support/calls.ts';
import { connectClient, type DoorClient, type DoorReply, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type OtlpReceiver, otlpReceiver } from '../support/otlp-receiver.ts';
import { type EchoingUpstream, type Scenario, scenarios, startEchoingUpstream } from './canary/echoing-upstream.ts';
import { type CanarySettings, canarySettings } from './canary/providers.ts';

const { complete, streamComplete, health, listModels } = LlmService.method;

let upstream: EchoingUpstream;
let collector: OtlpReceiver;
let gateway: TestGateway;
let settings: CanarySettings;
let doors: Readonly<Record<string, DoorClient>>;
/** All that left the gateway, by the door. */
const out = new Map<string, string[]>();
const counts = { answered: 0, failed: 0 };

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

function keep<A>(door: string, reply: DoorReply<A>, text: (message: A) => string): void {
  const kept = out.get(door) ?? [];
  out.set(door, kept);
  kept.push(...reply.messages.map(text), JSON.stringify(reply.headers), JSON.stringify(reply.error ?? null, plain));
  counts[reply.error ? 'failed' : 'answered']++;
}

beforeAll(async () => {
  upstream = await startEchoingUpstream();
  collector = await otlpReceiver();
  settings = canarySettings(upstream.url);
  const order = settings.providers.map(({ name }) => name).join(',');
  const env = {
    ...settings.env,
    ALLOWED_MODELS: '*',
    LLM_PROVIDER_ORDER: order,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
  };
  // One repeat, so that what is said of a try that was left is looked at too.
  const file = `${settings.file}retry: { max_retries: 1, base_ms: 1, max_retry_after_ms: 0 }\n`;
  gateway = await startGateway({ env, file });
  doors = {
    gRPC: grpcClient(gateway.grpcPort),
    Connect: connectClient(gateway.httpPort),
    'Connect JSON': connectClient(gateway.httpPort, { binary: false }),
    'gRPC-Web': connectClient(gateway.httpPort, { protocol: 'grpc-web' }),
  };
});

afterAll(async () => {
  for (const door of Object.values(doors)) door.close();
  await gateway.close();
  await collector.close();
  upstream.close();
});

/** A canary as it is, and in base64 wherever in the encoded bytes it may begin. */
const formsOf = (canary: string): string[] => [
  canary,
  ...[0, 1, 2].map((n) =>
    Buffer.from('x'.repeat(n) + canary)
      .toString('base64')
      .slice(4, -4),
  ),
];

/** The first form of any canary that a text holds. */
function canaryIn(text: string): string | undefined {
  const lower = text.toLowerCase();
  const forms = settings.providers.flatMap((provider) => provider.canaries.flatMap(formsOf));
  return forms.find((form) => text.includes(form) || lower.includes(form));
}

/** The doors only translate, so that one of them is shown everything, and the others what differs there. */
const everywhere: readonly Scenario[] = ['answers', 'refuses-the-key', 'rejects', 'fails-halfway'];

async function callAll(name: string, door: DoorClient, shown: readonly Scenario[]): Promise<void> {
  for (const provider of settings.providers)
    for (const scenario of shown) {
      const request = helloRequest(`${provider.name}/${scenario}`);
      keep(name, await door.unary(complete, request), (message) => toJsonString(CompleteResponseSchema, message));
      keep(name, await door.stream(streamComplete, request), (message) =>
        toJsonString(StreamCompleteResponseSchema, message),
      );
    }
  keep(name, await door.unary(health, {}), (message) => toJsonString(HealthResponseSchema, message));
  keep(name, await door.unary(listModels, {}), (message) => toJsonString(ListModelsResponseSchema, message));
}

/** Doors whose answers are read as they come: the path, and what is sent for a model. */
const plainDoors: Readonly<Record<string, { path: string; bodies: (model: string) => readonly object[] }>> = {
  Connect: {
    path: '/antiphon.v1.LlmService/Complete',
    bodies: (model) => [{ model, messages: [{ role: 'ROLE_USER', content: [{ text: 'hello' }] }] }],
  },
  'OpenAI HTTP': {
    path: '/v1/chat/completions',
    bodies: (model) =>
      [false, true].map((stream) => ({ model, stream, messages: [{ role: 'user', content: 'hello' }] })),
  },
  'JSON-RPC': {
    path: '/rpc',
    bodies: (model) => {
      const params = { model, messages: [{ role: 'ROLE_USER', content: [{ text: 'hello' }] }] };
      return [{ jsonrpc: '2.0', id: 1, method: 'llm.complete', params }];
    },
  },
};

describe('the keys of all providers', () => {
  it('are used by calls through every door that end well and badly', async () => {
    for (const [name, door] of Object.entries(doors))
      await callAll(name, door, name === 'gRPC' ? scenarios : everywhere);
    expect(counts.answered).toBeGreaterThan(2 * settings.providers.length);
    expect(counts.failed).toBeGreaterThan(10 * settings.providers.length);
    const sent = [...upstream.headerValues].join('\n');
    const unused = settings.providers.flatMap(({ canaries }) => canaries).filter((canary) => !sent.includes(canary));
    expect(unused).toEqual([]);
  }, 120_000);

  it('are in nothing that leaves by a door', () => {
    for (const [door, texts] of out) {
      expect(texts.length).toBeGreaterThan(100);
      for (const text of texts) expect(canaryIn(text), `${door}: ${text}`).toBeUndefined();
    }
  });

  it.each(Object.entries(plainDoors))('are in no bytes of an answer of %s', async (_, { path, bodies }) => {
    const answers = settings.providers.flatMap(({ name }) =>
      everywhere.flatMap((scenario) =>
        bodies(`${name}/${scenario}`).map(async (body) => {
          const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });
          const text = await answer.text();
          const details = [...text.matchAll(/"value":"([^"]*)"/g)].map(([, value = '']) =>
            Buffer.from(value, 'base64'),
          );
          return `${text}\n${JSON.stringify([...answer.headers])}\n${details.join('\n')}`;
        }),
      ),
    );
    const all = await Promise.all(answers);
    // Some of them ended well, and most did not.
    expect(all.filter((text) => text.includes('hi')).length).toBeGreaterThan(settings.providers.length / 2);
    expect(all.filter((text) => /UPSTREAM_/.test(text)).length).toBeGreaterThan(settings.providers.length);
    for (const text of all) expect(canaryIn(text), text).toBeUndefined();
  });

  it('are on no metrics page', async () => {
    const page = await gateway.metrics();
    expect(page).toContain('model="refuses-the-key"');
    expect(canaryIn(page)).toBeUndefined();
  });

  it('are in no line of the log', () => {
    const text = gateway.logText();
    expect(gateway.lines().length).toBeGreaterThan(500);
    expect(canaryIn(text)).toBeUndefined();
  });

  it('are in no span', async () => {
    await collector.waitForSpans((spans) => spans.length > 500);
    await gateway.close();
    expect(canaryIn(collector.bodies.join('\n'))).toBeUndefined();
  });
});
