import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type Agent, startAgent, traceparentOf } from '../support/agents.ts';
import { helloRequest } from '../support/calls.ts';
import { connectClient, type DoorClient, grpcClient } from '../support/doors.ts';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
import { jsonRpcDoor } from '../support/json-rpc-door.ts';
import { openAiDoor } from '../support/openai-door.ts';
import { type OtlpReceiver, otlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { chatBody, startUpstream, type Upstream } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;

let collector: OtlpReceiver;
let upstream: Upstream;
let gateway: TestGateway;
let planner: Agent;

const PRICE = 'price: { input_usd_per_million: 1, output_usd_per_million: 2, source: a test, as_of: 2026-11-01 }';

beforeAll(async () => {
  collector = await otlpReceiver();
  upstream = await startUpstream((line) => {
    if (!line.request.body.includes('"stream":true')) return line.json(200, chatBody('hi'));
    line.startStream();
    line.text('hi');
    line.finish();
  });
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20');
  const env = { ...providerAt(upstream.url), OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  gateway = await startGateway({ env, file: `catalogue: { models: { test/test-model: { ${PRICE} } } }` });
  planner = startAgent('planner', collector.endpoint);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await planner.close();
  await gateway.close();
  await upstream.close();
  await collector.close();
});

interface Door {
  readonly client: () => DoorClient;
  /** The names of its SERVER spans, of a call that is answered whole and of a stream. */
  readonly names: readonly [string, string?];
  /** What they say of the door. */
  readonly attributes: (name: string) => Record<string, unknown>;
}

const rpcNames = ['antiphon.v1.LlmService/Complete', 'antiphon.v1.LlmService/StreamComplete'] as const;
const rpc = (system: string) => (name: string) => ({
  'rpc.system.name': system,
  'rpc.method': name,
  'rpc.status_code': 'OK',
});
const CHAT = 'POST /v1/chat/completions';

const doors: Readonly<Record<string, Door>> = {
  gRPC: { client: () => grpcClient(gateway.grpcPort), names: rpcNames, attributes: rpc('grpc') },
  Connect: { client: () => connectClient(gateway.httpPort), names: rpcNames, attributes: rpc('connectrpc') },
  'gRPC-Web': {
    client: () => connectClient(gateway.httpPort, { protocol: 'grpc-web' }),
    names: rpcNames,
    attributes: rpc('grpc'),
  },
  'OpenAI HTTP': {
    client: () => openAiDoor(gateway.httpPort),
    names: [CHAT, CHAT],
    attributes: () => ({
      'http.request.method': 'POST',
      'http.route': '/v1/chat/completions',
      'http.response.status_code': 200,
    }),
  },
  'JSON-RPC': {
    client: () => jsonRpcDoor(gateway.httpPort),
    names: ['llm.complete'],
    attributes: rpc('jsonrpc'),
  },
};

/** All spans of a trace, once the gateway's own of so many calls are there. */
async function traceOf(traceId: string, calls: number): Promise<readonly ReceivedSpan[]> {
  const ours = (spans: readonly ReceivedSpan[]) =>
    spans.filter((span) => span.traceId === traceId && span.resource['service.name'] === 'antiphon');
  const spans = await collector.waitForSpans((all) => ours(all).length >= 3 * calls);
  return spans.filter((span) => span.traceId === traceId);
}

/** The spans of one call, from the outermost. */
function chainOf(spans: readonly ReceivedSpan[], agent: string): readonly ReceivedSpan[] {
  const server = spans.find((span) => span.kind === 'server' && span.attributes['antiphon.source_agent'] === agent);
  const below = (parent: ReceivedSpan | undefined) => spans.find((span) => span.parentSpanId === parent?.spanId);
  const chat = below(server);
  return [server, chat, below(chat)].filter((span) => span !== undefined);
}

const received = (nth: number) => upstream.received.at(nth)?.headers.traceparent;

describe.each(Object.entries(doors))('%s', (_, { client: open, names: [whole, streamed], attributes }) => {
  it('two agents that follow one another make one trace, the provider in it', async () => {
    const client = open();
    const work = planner.begin('make a plan');
    const { traceId, spanId } = work.spanContext();
    const session = { 'x-session-id': 'session-7' };
    const of = (agent: string) => ({ ...session, 'x-source-agent': agent });
    const told = { headers: { ...of('planner'), traceparent: traceparentOf(work) } };
    const first = await client.unary(complete, helloRequest('test-model'), told);
    const child = { headers: { ...of('researcher'), traceparent: traceparentOf(work) } };
    const second = streamed
      ? await client.stream(streamComplete, helloRequest('test-model'), child)
      : await client.unary(complete, helloRequest('test-model'), child);
    // A third knows nothing of W3C, and has only the id.
    const bare = { headers: { ...of('writer'), 'x-trace-id': traceId } };
    const third = await client.unary(complete, helloRequest('test-model'), bare);
    work.end();
    client.close();
    expect([first, second, third].map(({ error }) => error)).toEqual([undefined, undefined, undefined]);

    const spans = await traceOf(traceId, 3);
    expect(spans.filter(({ resource }) => resource['service.name'] === 'antiphon')).toHaveLength(9);
    const chains = ['planner', 'researcher', 'writer'].map((agent) => chainOf(spans, agent));
    expect(chains.map(([server]) => server?.name)).toEqual([whole, streamed ?? whole, whole]);
    expect(chains.map(([server]) => server?.parentSpanId)).toEqual([spanId, spanId, '']);
    for (const [n, [server, chat, attempt]] of chains.entries()) {
      expect(server).toMatchObject({ kind: 'server', failed: false, attributes: attributes(server?.name ?? '') });
      expect(chat).toMatchObject({ name: 'chat test-model', kind: 'client', parentSpanId: server?.spanId });
      expect(attempt).toMatchObject({ name: 'attempt', kind: 'client', parentSpanId: chat?.spanId });
      expect(received(n - 3)).toBe(`00-${traceId}-${attempt?.spanId}-01`);
    }
  });

  it('the CLIENT span says who asked, what was used, what it cost, and what the cache did', async () => {
    const client = open();
    const work = planner.begin('count');
    const headers = { traceparent: traceparentOf(work), 'x-source-agent': 'planner', 'x-session-id': 'session-8' };
    await client.unary(complete, helloRequest('test-model'), { headers });
    work.end();
    client.close();
    const [server, chat] = chainOf(await traceOf(work.spanContext().traceId, 1), 'planner');
    expect(server?.attributes).toMatchObject({
      'antiphon.trace_id': work.spanContext().traceId,
      'antiphon.session_id': 'session-8',
    });
    expect(chat?.attributes).toMatchObject({
      'antiphon.source_agent': 'planner',
      'antiphon.session_id': 'session-8',
      'gen_ai.conversation.id': 'session-8',
      'antiphon.provider': 'test',
      'gen_ai.request.model': 'test-model',
      'gen_ai.response.model': 'test-model-2026',
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 3,
      'antiphon.cost.status': 'priced',
      'antiphon.cost.nano_usd': 13_000,
      'antiphon.attempts': 1,
      'antiphon.cache.status': 'bypass',
    });
  });
});

it("an agent's own span is in the same trace, above those of its calls", async () => {
  const work = planner.begin('tell');
  const client = grpcClient(gateway.grpcPort);
  const headers = { traceparent: traceparentOf(work), 'x-source-agent': 'planner' };
  await client.unary(complete, helloRequest('test-model'), { headers });
  work.end();
  client.close();
  const { traceId, spanId } = work.spanContext();
  const all = await collector.waitForSpans((spans) => spans.filter((span) => span.traceId === traceId).length >= 4);
  const [root] = all.filter((span) => span.spanId === spanId);
  expect(root).toMatchObject({ name: 'tell', parentSpanId: '', resource: { 'service.name': 'planner' } });
  expect(all.find((span) => span.parentSpanId === spanId)?.kind).toBe('server');
});
