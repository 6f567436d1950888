import { expect, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { startAgent, traceparentOf } from '../support/agents.ts';
import { helloRequest } from '../support/calls.ts';
import { connectClient, grpcClient } from '../support/doors.ts';
import { jsonRpcDoor } from '../support/json-rpc-door.ts';
import { openAiDoor } from '../support/openai-door.ts';
import { spawnGateway } from '../support/process.ts';
import { type JaegerSpan, startJaeger } from './jaeger.ts';

const { complete } = LlmService.method;

/** The first one may have to build Jaeger. */
const timeout = 1_800_000;

test('agents that call one after the other are one trace in Jaeger, found by agent and by session', {
  timeout,
}, async (context) => {
  const jaeger = await startJaeger(context);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp, OTEL_BSP_SCHEDULE_DELAY: '50' };
  const gateway = await spawnGateway({ env });
  const planner = startAgent('planner', jaeger.otlp);
  const work = planner.begin('make a plan');
  const { traceId, spanId } = work.spanContext();
  const traceparent = traceparentOf(work);
  // Each by another door; the last one has the id alone.
  const calls = [
    ['planner', { traceparent }, openAiDoor(gateway.httpPort)],
    ['researcher', { traceparent }, jsonRpcDoor(gateway.httpPort)],
    ['writer', { traceparent }, connectClient(gateway.httpPort)],
    ['editor', { 'x-trace-id': traceId }, grpcClient(gateway.grpcPort)],
  ] as const;
  for (const [agent, ids, client] of calls) {
    const headers = { ...ids, 'x-source-agent': agent, 'x-session-id': 'session-1' };
    const { error } = await client.unary(complete, helloRequest(), { headers });
    client.close();
    expect(error).toBeUndefined();
  }
  work.end();
  await planner.close();

  const [trace, ...others] = await jaeger.search('antiphon', { 'antiphon.session_id': 'session-1' }, 13);
  expect(others).toEqual([]);
  expect(trace?.traceId).toBe(traceId);
  const spans = trace?.spans ?? [];
  expect(spans).toHaveLength(13);
  expect(spans.filter(({ service }) => service === 'planner')).toMatchObject([
    { spanId, parentId: undefined, name: 'make a plan' },
  ]);
  for (const [agent, name, parentId, door] of [
    ['planner', 'POST /v1/chat/completions', spanId, { 'http.route': '/v1/chat/completions' }],
    ['researcher', 'llm.complete', spanId, { 'rpc.system.name': 'jsonrpc' }],
    ['writer', 'antiphon.v1.LlmService/Complete', spanId, { 'rpc.system.name': 'connectrpc' }],
    ['editor', 'antiphon.v1.LlmService/Complete', undefined, { 'rpc.system.name': 'grpc' }],
  ] as const) {
    const [server, chat] = ofAgent(spans, agent);
    expect(server).toMatchObject({ name, parentId, tags: { 'span.kind': 'server', ...door } });
    expect(chat).toMatchObject({ name: 'chat echo', parentId: server?.spanId });
    expect(chat?.tags).toMatchObject({
      'span.kind': 'client',
      'antiphon.session_id': 'session-1',
      'antiphon.provider': 'mock',
      'antiphon.cache.status': 'bypass',
      'antiphon.attempts': 1,
      'gen_ai.request.model': 'echo',
      'gen_ai.usage.input_tokens': expect.any(Number),
      'gen_ai.usage.output_tokens': expect.any(Number),
      'antiphon.cost.nano_usd': 0,
    });
    const attempts = spans.filter((span) => span.parentId === chat?.spanId);
    expect(attempts).toMatchObject([{ name: 'attempt', tags: { 'antiphon.provider': 'mock' } }]);
    const found = await jaeger.search('antiphon', { 'antiphon.source_agent': agent }, 1);
    expect(found.map((each) => each.traceId)).toEqual([traceId]);
  }
});

test('a call that failed is found by its error', { timeout }, async (context) => {
  const jaeger = await startJaeger(context);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp, OTEL_BSP_SCHEDULE_DELAY: '50', LLM_MAX_RETRIES: '0' };
  const gateway = await spawnGateway({ env });
  const client = grpcClient(gateway.grpcPort);
  const request = { ...helloRequest(), providerOptions: { mock: { fault: 'upstream_overloaded' } } };
  await client.unary(complete, request);
  await client.unary(complete, helloRequest());
  client.close();
  for (const tags of [{ error: 'true' }, { 'error.type': 'upstream_overloaded' }]) {
    const traces = await jaeger.search('antiphon', tags, 3);
    expect(traces.map(({ spans }) => spans.length)).toEqual([3]);
  }
});

/** The SERVER span of an agent's call, and the one below. */
function ofAgent(spans: readonly JaegerSpan[], agent: string): readonly (JaegerSpan | undefined)[] {
  const own = spans.filter((span) => span.tags['antiphon.source_agent'] === agent);
  return ['server', 'client'].map((kind) => own.find((span) => span.tags['span.kind'] === kind));
}
