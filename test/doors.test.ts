import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompleteRequestSchema, type Part, PartSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../src/core/events.ts';
import { Fold } from '../src/core/fold.ts';
import { connectClient, type DoorClient, grpcClient } from './support/doors.ts';
import { startGateway, type TestGateway } from './support/gateway.ts';
import { jsonRpcDoor } from './support/json-rpc-door.ts';
import { openAiDoor } from './support/openai-door.ts';

type Request = MessageInitShape<typeof CompleteRequestSchema>;

let gateway: TestGateway;
const clients = new Map<string, DoorClient>();

const doors = {
  gRPC: () => grpcClient(gateway.grpcPort),
  'gRPC on the HTTP port': () => grpcClient(gateway.httpPort),
  'gRPC-Web': () => connectClient(gateway.httpPort, { protocol: 'grpc-web' }),
  'Connect, JSON': () => connectClient(gateway.httpPort, { protocol: 'connect', binary: false }),
  'Connect, binary': () => connectClient(gateway.httpPort, { protocol: 'connect', binary: true }),
  'OpenAI HTTP': () => openAiDoor(gateway.httpPort),
  'JSON-RPC': () => jsonRpcDoor(gateway.httpPort),
};

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' }, file: 'retry: { base_ms: 1 }' });
  for (const [name, open] of Object.entries(doors)) clients.set(name, open());
});

afterAll(async () => {
  for (const client of clients.values()) client.close();
  await gateway.close();
});

const { complete, streamComplete, listModels } = LlmService.method;

const user = (...content: MessageInitShape<typeof PartSchema>[]) => ({ role: Role.USER, content });
const text = (value: string) => ({ part: { case: 'text' as const, value } });
const hello: Request = { model: 'mock/echo', messages: [user(text('hello'))] };

/** What the mock is asked for, and what comes of it through every door alike. */
const answers: Readonly<Record<string, { request: Request; content: Part[] }>> = {
  text: {
    request: { ...hello, providerOptions: { mock: { reply: 'a  reply\nof several words' } } },
    content: [create(PartSchema, text('a  reply\nof several words'))],
  },
  'characters outside the basic plane, NUL and combining marks': {
    request: { ...hello, providerOptions: { mock: { reply: '😀 \u0000 e\u0301 Ω 漢字' } } },
    content: [create(PartSchema, text('😀 \u0000 e\u0301 Ω 漢字'))],
  },
  'a tool call': {
    request: {
      ...hello,
      tools: [{ name: 'weather', parameters: '{"type":"object","properties":{"city":{"type":"string"}}}' }],
      toolChoice: { choice: { case: 'name', value: 'weather' } },
    },
    content: [
      create(PartSchema, {
        part: { case: 'toolCall', value: { id: 'call_mock_weather', name: 'weather', arguments: '{"city":"mock"}' } },
      }),
    ],
  },
};

const image = (url: string) => ({
  part: { case: 'image' as const, value: { source: { case: 'url' as const, value: url } } },
});
const result = { part: { case: 'toolResult' as const, value: { toolCallId: 'call_9', content: [text('42')] } } };

/** What is refused, and how it is said through every door alike. */
const refusals: Readonly<Record<string, { request: Request; code: number; reason: string; fields?: string[] }>> = {
  'an unknown model': { request: { ...hello, model: 'gpt-99' }, code: 5, reason: 'MODEL_NOT_FOUND' },
  'a model that is not allowed': { request: { ...hello, model: 'mock/other' }, code: 7, reason: 'MODEL_NOT_ALLOWED' },
  'a provider that is off': {
    request: { ...hello, model: 'openai/gpt-5' },
    code: 9,
    reason: 'PROVIDER_NOT_CONFIGURED',
  },
  'no messages': { request: { messages: [] }, code: 3, reason: 'INVALID_REQUEST', fields: ['messages'] },
  'a tool result without a call': {
    request: { messages: [user(text('x')), { role: Role.TOOL, content: [result] }] },
    code: 3,
    reason: 'INVALID_REQUEST',
    fields: ['messages[1].content[0].tool_result.tool_call_id'],
  },
  'an image URL that is not https': {
    request: { messages: [user(text('x'), image('http://example.com/a.png'))] },
    code: 3,
    reason: 'INVALID_REQUEST',
    fields: ['messages[0].content[1].image.url'],
  },
  'temperature 9': {
    request: { ...hello, temperature: 9 },
    code: 3,
    reason: 'INVALID_REQUEST',
    fields: ['temperature'],
  },
  'several at once': {
    request: { ...hello, temperature: 9, topP: 2, topK: 0 },
    code: 3,
    reason: 'INVALID_REQUEST',
    fields: ['temperature', 'top_p', 'top_k'],
  },
  'too long an idempotency key': {
    request: { ...hello, idempotencyKey: 'k'.repeat(256), fallbackModels: ['mock/echo'] },
    code: 3,
    reason: 'INVALID_REQUEST',
    fields: ['idempotency_key'],
  },
  'a failing provider': {
    request: { ...hello, providerOptions: { mock: { fault: 'upstream_overloaded' } } },
    code: 14,
    reason: 'UPSTREAM_OVERLOADED',
  },
  'an unknown option of the mock': {
    request: { ...hello, providerOptions: { mock: { speed: 9 } } },
    code: 3,
    reason: 'INVALID_REQUEST',
    fields: ['provider_options["mock"].speed'],
  },
};

function clientOf(door: string): DoorClient {
  const client = clients.get(door);
  if (!client) throw new Error(`no door ${door}`);
  return client;
}

/** JSON-RPC has no streams. */
const methodsOf = (door: string): readonly ('unary' | 'stream')[] =>
  door === 'JSON-RPC' ? ['unary'] : ['unary', 'stream'];

describe.each(Object.keys(doors))('%s', (door) => {
  const streams = methodsOf(door).includes('stream');

  it.each(Object.entries(answers))('answers %s', async (_, { request, content }) => {
    const { messages, error } = await clientOf(door).unary(complete, request);
    expect(error).toBeUndefined();
    expect(messages[0]?.content).toEqual(content);
  });

  it.runIf(streams).each(Object.entries(answers))('streams %s', async (_, { request, content }) => {
    const { messages, error } = await clientOf(door).stream(streamComplete, request);
    expect(error).toBeUndefined();
    expect(checkEvents(messages)).toBeUndefined();
    const fold = new Fold();
    for (const { event } of messages) {
      if (event.case !== undefined && event.case !== 'start' && event.case !== 'completed') fold.add(event);
    }
    expect(fold.parts).toEqual(content);
  });

  it.each(Object.entries(refusals))('refuses %s', async (_, { request, code, reason, fields = [] }) => {
    for (const method of methodsOf(door)) {
      const client = clientOf(door);
      const { messages, error } =
        method === 'unary' ? await client.unary(complete, request) : await client.stream(streamComplete, request);
      expect(messages).toEqual([]);
      expect(error).toMatchObject({ code, errorInfo: { reason, domain: 'antiphon.v1' } });
      expect(error?.badRequest?.fieldViolations.map(({ field }) => field) ?? []).toEqual(fields);
      expect(error?.message).not.toBe('');
    }
  });

  it('says of a failed call what was tried, and when to come back', async () => {
    const request = { ...hello, providerOptions: { mock: { fault: 'upstream_overloaded' } } };
    for (const method of methodsOf(door)) {
      const client = clientOf(door);
      const { error } =
        method === 'unary' ? await client.unary(complete, request) : await client.stream(streamComplete, request);
      const tried = { provider: 'mock', model: 'echo', status: 14, errorReason: ErrorReason.UPSTREAM_OVERLOADED };
      expect(error?.callFailure?.attempts).toMatchObject([tried, tried, tried, tried]);
      expect(error?.retryInfo?.retryDelay).toBeDefined();
    }
  });

  it('says in its headers whose call it was', async () => {
    const headers = { 'x-trace-id': 'trace-1', 'x-source-agent': 'planner', 'x-session-id': 'session-1' };
    for (const request of [hello, { messages: [] }]) {
      const reply = await clientOf(door).unary(complete, request, { headers });
      expect({ ...reply.headers, ...reply.error?.metadata }).toMatchObject(headers);
    }
    const { messages } = await clientOf(door).unary(complete, hello, { headers });
    expect(messages[0]?.context).toMatchObject({ traceId: 'trace-1', sourceAgent: 'planner', sessionId: 'session-1' });
  });

  it.runIf(streams)('breaks a stream off with a status when the provider fails in the middle', async () => {
    const providerOptions = { mock: { reply: 'one two three', fault: 'upstream_reset', fault_after_tokens: 2 } };
    const { messages, error } = await clientOf(door).stream(streamComplete, { ...hello, providerOptions });
    expect(messages.map(({ event }) => event.case)).toEqual(['start', 'textDelta', 'textDelta']);
    expect(error).toMatchObject({ code: 14, errorInfo: { reason: 'UPSTREAM_RESET' } });
  });

  it('refuses a message of 100 MB without taking it in', async () => {
    const before = process.memoryUsage().rss;
    const { error } = await clientOf(door).unary(complete, { messages: [user(text('x'.repeat(100 * 2 ** 20)))] });
    expect(error?.code).toBe(8);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
  });

  it('lists the models', async () => {
    const { messages } = await clientOf(door).unary(listModels, { allowedOnly: true });
    expect(messages[0]?.models).toMatchObject([{ provider: 'mock', id: 'echo', allowed: true }]);
  });
});
