import { afterEach, expect, it } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
import { type OtlpReceiver, otlpReceiver } from '../support/otlp-receiver.ts';
import { chatBody, startUpstream, type Upstream } from '../support/upstream.ts';

let collector: OtlpReceiver;
let upstream: Upstream;
let gateway: TestGateway;
let client: DoorClient;

afterEach(async () => {
  client.close();
  await gateway.close();
  await upstream.close();
  await collector.close();
});

it('one call is one trace: SERVER, GenAI CLIENT, attempt, and the provider below', async () => {
  collector = await otlpReceiver();
  upstream = await startUpstream((line) => line.json(200, chatBody('hi')));
  const env = { ...providerAt(upstream.url), OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  gateway = await startGateway({ env });
  client = grpcClient(gateway.grpcPort);
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { 'x-trace-id': traceId, 'x-source-agent': 'planner', 'x-session-id': 'session-9' };
  const { messages } = await client.unary(LlmService.method.complete, helloRequest('test-model'), { headers });
  await gateway.close();

  const spans = await collector.waitForSpans((all) => all.length >= 3);
  const byName = (name: string) => spans.find((span) => span.name === name);
  const server = byName('antiphon.v1.LlmService/Complete');
  const chat = byName('chat test-model');
  const attempt = byName('attempt');
  expect(spans).toHaveLength(3);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  expect(server?.parentSpanId).toBe('');
  expect(chat?.parentSpanId).toBe(server?.spanId);
  expect(attempt?.parentSpanId).toBe(chat?.spanId);
  expect(upstream.received[0]?.headers.traceparent).toBe(`00-${traceId}-${attempt?.spanId}-01`);
  expect(server?.attributes).toMatchObject({ 'antiphon.source_agent': 'planner', 'antiphon.session_id': 'session-9' });
  expect(chat?.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'test-model',
    'gen_ai.response.model': 'test-model-2026',
    'gen_ai.conversation.id': 'session-9',
    'gen_ai.usage.input_tokens': 7,
  });
  expect(messages[0]?.context?.traceId).toBe(traceId);
  expect(collector.bodies.join('')).not.toContain('hello');
});
