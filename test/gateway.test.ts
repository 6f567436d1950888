import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { CostSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { mediaRoom } from '../src/backends/http/media-room.ts';
import { Answers } from '../src/cache/answers.ts';
import { loadConfig } from '../src/config/load.ts';
import { checkEvents } from '../src/core/events.ts';
import { redactor } from '../src/core/redact.ts';
import { callLayers, type GatewayParts, targetLayers } from '../src/gateway.ts';
import { directoryOf } from '../src/inventory.ts';
import { KeyRing } from '../src/layers/keys/key-ring.ts';
import { shadow } from '../src/layers/shadow.ts';
import { quotas } from '../src/quotas/quotas.ts';
import { noQuotas } from '../src/quotas/settings.ts';
import { Pressure } from '../src/resilience/pressure.ts';
import { ProviderStates } from '../src/resilience/provider-states.ts';
import { MemoryStore } from '../src/stores/memory.ts';
import { helloRequest } from './support/calls.ts';
import { type DoorClient, grpcClient } from './support/doors.ts';
import { fakeClock } from './support/fake-clock.ts';
import { providerAt, startGateway, type TestGateway } from './support/gateway.ts';
import { chatBody, type Script, startUpstream, type Upstream } from './support/upstream.ts';

const parts = (env: Record<string, string>): GatewayParts => {
  const config = loadConfig(env, () => Buffer.from(''));
  const nothing = () => undefined;
  const clock = fakeClock();
  const memory = new MemoryStore(clock, { maxEntries: 10, maxBytes: 10, maxAccounts: 10 });
  return {
    config,
    models: directoryOf(config),
    states: new ProviderStates(config, clock, nothing),
    ledgers: memory,
    store: memory,
    clock,
    redact: redactor([]),
    record: nothing,
    answers: new Answers(config.cache, { clock }),
    metrics: { started: nothing, ended: nothing },
    tell: nothing,
    keyAside: nothing,
    memoryShare: () => 0,
    newId: () => 'id-1',
  };
};

const noLimits = (all: GatewayParts) =>
  quotas({ ...all, settings: noQuotas, price: () => create(CostSchema), isFree: () => true, longestCallMs: 1 });

const layersOfCalls = (env: Record<string, string>) => {
  const all = parts(env);
  const send = () => Promise.reject(new Error('not called'));
  return callLayers(all, {
    providerName: () => undefined,
    pressure: new Pressure(all.config.shedding, all.clock, all.memoryShare),
    select: () => ({ targets: [], reason: '', warnings: [] }),
    shadows: shadow({ ...all, send }),
    limits: noLimits(all),
  });
};

const layersOfTargets = () => {
  const all = parts({});
  const state = all.states.of('mock');
  if (!state) throw new Error('the mock is not on');
  const ring = new KeyRing([], all.clock);
  return targetLayers(
    all,
    { name: 'mock', wantsBytes: () => true, promptCaching: undefined, ring },
    state,
    mediaRoom(1),
  );
};

const names = (layers: readonly { name: string }[]) => layers.map(({ name }) => name);

describe('the order of the layers', () => {
  it('is that of the wiring page', () => {
    expect(names(layersOfCalls({}))).toEqual([
      'observe', // outermost: refusals are counted too
      'rules', // says what goes first
      'shed', // before any work
      'deadline', // before anything that takes time
      'govern', // before any key is looked up
      'idempotency', // above the cache: what is given again is not looked up
      'cache', // above all that costs money: a hit is free
      'budget', // above all that costs
      'shadow', // one shadow for a call
      'escalate', // judges the answer of all targets
    ]);
    expect(names(layersOfTargets())).toEqual([
      'fit', // outermost: all below depends on what it leaves of the request
      'prompt_cache', // below what may change how a prompt begins; above all that repeats
      'afford', // above all that takes time: what cannot be paid is not begun
      'media', // above all that repeats: no try fetches again
      'retry', // above the breaker: each try is judged
      'breaker', // above all that waits: what is refused holds nothing
      'keys', // above the record: each key that was tried has one
      'concurrency', // above the record: waiting for a turn is no try
      'attempt', // one record for each time a provider is asked
      'timeouts', // innermost: no waiting of our own counts
    ]);
  });

  it('lets the mock play the others only after governance has judged them', () => {
    expect(names(layersOfCalls({ USE_MOCK_LLM: 'true' }))).toEqual([
      'observe',
      'rules',
      'shed',
      'deadline',
      'govern',
      'impersonate',
      'idempotency',
      'cache',
      'budget',
      'shadow',
      'escalate',
    ]);
  });
});

let upstream: Upstream;
let gateway: TestGateway;
let client: DoorClient;

afterEach(async () => {
  client?.close();
  await gateway?.close();
  await upstream?.close();
});

async function startWith(script: Script, env: Record<string, string> = {}): Promise<void> {
  upstream = await startUpstream(script);
  gateway = await startGateway({ env: { ...providerAt(upstream.url), ...env } });
  client = grpcClient(gateway.grpcPort);
}

const { complete, streamComplete, listModels, health } = LlmService.method;

describe('a call through the whole gateway', () => {
  it('is answered', async () => {
    await startWith((line) => line.json(200, chatBody('hi there'), { 'x-request-id': 'up-1' }));
    const { messages, error, headers } = await client.unary(complete, helloRequest('test/test-model'));
    expect(error).toBeUndefined();
    expect(messages[0]).toMatchObject({
      provider: 'test',
      model: 'test-model',
      providerModel: 'test-model-2026',
      providerResponseId: 'chatcmpl-1',
      content: [{ part: { case: 'text', value: 'hi there' } }],
      usage: { inputTokens: 7n, outputTokens: 3n, estimated: false },
      attempts: [{ provider: 'test', upstreamRequestId: 'up-1', status: 0 }],
    });
    expect(headers['x-request-id']).toBe(messages[0]?.id);
    expect(upstream.received[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer sk-test-key-of-the-gateway', 'accept-encoding': 'identity' },
    });
  });

  it('is streamed', async () => {
    await startWith((line) => {
      line.startStream();
      for (const word of ['hi', ' ', 'there']) line.text(word);
      line.finish();
    });
    const { messages, error } = await client.stream(streamComplete, helloRequest('test-model'));
    expect(error).toBeUndefined();
    expect(checkEvents(messages)).toBeUndefined();
    expect(messages.map(({ event }) => (event.case === 'textDelta' ? event.value.text : event.case))).toEqual([
      'start',
      'hi',
      ' ',
      'there',
      'completed',
    ]);
    const completed = messages.at(-1)?.event;
    expect(completed?.value).toMatchObject({ usage: { totalTokens: 10n }, content: [] });
  });

  it('goes to the default model if it names none', async () => {
    await startWith((line) => line.json(200, chatBody('x')));
    const { messages } = await client.unary(complete, helloRequest(''));
    expect(messages[0]).toMatchObject({ model: 'test-model', selectionReason: 'the default model' });
  });

  it('is refused when governance does not allow the model, with its ids in the log', async () => {
    await startWith((line) => line.json(200, chatBody('x')), { ALLOWED_MODELS: 'test/other, test/test-model' });
    const headers = { 'x-trace-id': 'trace-77', 'x-source-agent': 'planner' };
    const { error } = await client.unary(complete, helloRequest('test/forbidden'), { headers });
    expect(error).toMatchObject({ code: 7, errorInfo: { reason: 'MODEL_NOT_ALLOWED', domain: 'antiphon.v1' } });
    expect(upstream.received).toHaveLength(0);
    const line = gateway.lines().find(({ msg }) => msg === 'call');
    expect(line).toMatchObject({
      level: 'warn',
      trace_id: 'trace-77',
      source_agent: 'planner',
      error_reason: 'MODEL_NOT_ALLOWED',
    });
    expect(await gateway.metrics()).toMatch(
      /llm_governance_violations_total\{[^}]*reason="model_not_allowed"[^}]*\} 1/,
    );
  });

  it('carries its trace to the provider, and no baggage', async () => {
    await startWith((line) => line.json(200, chatBody('x')));
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, baggage: 'source_agent=planner' };
    const { messages } = await client.unary(complete, helloRequest('test-model'), { headers });
    expect(messages[0]?.context).toMatchObject({ traceId, sourceAgent: 'planner' });
    expect(upstream.received[0]?.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-0[01]$`));
    expect(upstream.received[0]?.headers).not.toHaveProperty('baggage');
  });
});

describe('other methods', () => {
  it('list models and tell the health', async () => {
    await startWith((line) => line.json(200, chatBody('x')));
    const models = await client.unary(listModels, {});
    expect(models.messages[0]?.models).toMatchObject([{ id: 'test-model', provider: 'test', allowed: true }]);
    const state = await client.unary(health, {});
    expect(state.messages[0]).toMatchObject({ status: 1, providers: [{ provider: 'test', activeCalls: 0 }] });
  });
});
