import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CompleteRequestSchema, FinishReason, Role, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { createClient } from '../../src/client/client.ts';
import { assistant, system, textOf, toolResult, user } from '../../src/client/messages.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';
import { clientOf, hello, mocked } from './stage.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' } });
});

afterAll(() => gateway.close());

describe('complete', () => {
  it('gives the whole response', async () => {
    const response = await clientOf(gateway).complete(mocked({ reply: 'Good day.' }));
    expect(response).toMatchObject({ provider: 'mock', model: 'echo', finishReason: FinishReason.STOP });
    expect(textOf(response)).toBe('Good day.');
    expect(response.attempts).toHaveLength(1);
  });

  it('takes a conversation with tools', async () => {
    const client = clientOf(gateway);
    const tools = [{ name: 'weather', parameters: '{"type":"object","properties":{"city":{"type":"string"}}}' }];
    const messages = [system('Be brief.'), user('How is it there?')];
    const toolChoice = { choice: { case: 'mode' as const, value: ToolChoiceMode.REQUIRED } };
    const asked = await client.complete({ ...hello, messages, tools, toolChoice });
    expect(asked.content).toMatchObject([{ part: { case: 'toolCall', value: { name: 'weather' } } }]);
    const [{ part: called } = { part: { case: undefined } }] = asked.content;
    const id = called.case === 'toolCall' ? called.value.id : '';
    const answer = await client.complete({
      ...hello,
      tools,
      messages: [...messages, assistant(...asked.content), toolResult(id, 'sunny')],
    });
    expect(textOf(answer)).toContain('How is it there?');
  });

  it('takes a message of the contract as well as a plain object, and leaves it as it was', async () => {
    const request = create(CompleteRequestSchema, hello);
    const { context } = await clientOf(gateway, { sourceAgent: 'planner' }).complete(request);
    expect(context?.sourceAgent).toBe('planner');
    expect(request).toEqual(create(CompleteRequestSchema, hello));
  });
});

describe('messages', () => {
  it('are of their roles, with text for strings', () => {
    const image = {
      part: { case: 'image' as const, value: { source: { case: 'url' as const, value: 'https://a/b' } } },
    };
    expect(user('look', image)).toMatchObject({ role: Role.USER, content: [{ part: { value: 'look' } }, image] });
    expect([system('a'), assistant('b'), toolResult('id', 'c')]).toMatchObject([
      { role: Role.SYSTEM, content: [{ part: { case: 'text', value: 'a' } }] },
      { role: Role.ASSISTANT, content: [{ part: { case: 'text', value: 'b' } }] },
      {
        role: Role.TOOL,
        content: [{ part: { value: { toolCallId: 'id', content: [{ part: { case: 'text', value: 'c' } }] } } }],
      },
    ]);
  });
});

describe('whose call it is', () => {
  const all = { sourceAgent: 'planner', sessionId: 'session-1', traceId: 'trace-1' };

  it('is said once for all calls', async () => {
    const client = clientOf(gateway, all);
    const { context } = await client.complete(hello);
    const streamed = await client.stream(hello).final();
    expect([context, streamed.context]).toMatchObject([all, all]);
  });

  it.each([
    ['by the call', hello, { sessionId: 'session-2' }, { ...all, sessionId: 'session-2' }],
    ['by the request', { ...hello, context: { sourceAgent: 'writer' } }, {}, { ...all, sourceAgent: 'writer' }],
    ['by the request above all', { ...hello, context: { traceId: 't' } }, { traceId: 'u' }, { ...all, traceId: 't' }],
  ])('is said otherwise %s', async (_, request, options, expected) => {
    const client = clientOf(gateway, all);
    const { context } = await client.complete(request, options);
    const streamed = await client.stream(request, options).final();
    expect([context, streamed.context]).toMatchObject([expected, expected]);
  });

  it('is refused, not lost, where it cannot be', async () => {
    const call = clientOf(gateway, { sourceAgent: 'Планировщик' }).complete(hello);
    await expect(call).rejects.toMatchObject({ fieldViolations: [{ field: 'context.source_agent' }] });
  });

  it('goes on from the span of the caller, which is asked for anew at each call', async () => {
    let calls = 0;
    const traceparent = () => `00-${TRACE.slice(0, 31)}${++calls}-${SPAN}-01`;
    const client = clientOf(gateway, { traceparent });
    const stream = client.stream(hello);
    const answers = [await stream.final(), await client.complete(hello)];
    expect(answers.map(({ context }) => context?.traceId)).toEqual([
      `${TRACE.slice(0, 31)}1`,
      `${TRACE.slice(0, 31)}2`,
    ]);
    const own = await client.complete(hello, { traceparent: `00-${TRACE}-${SPAN}-01` });
    expect(own.context?.traceId).toBe(TRACE);
    expect(calls).toBe(2);
  });

  it('goes on without a span where there is none', async () => {
    const { context } = await clientOf(gateway, { traceparent: () => undefined, traceId: 'trace-2' }).complete(hello);
    expect(context?.traceId).toBe('trace-2');
  });

  it('may be in headers, those of the call added to those of all', async () => {
    const client = clientOf(gateway, { headers: { baggage: 'source_agent=a,session_id=s', 'X-Session-Id': 'other' } });
    const { context } = await client.complete(hello, { headers: { 'x-session-id': 'session-3' } });
    expect(context).toMatchObject({ sourceAgent: 'a', sessionId: 'session-3' });
  });
});

describe('listModels', () => {
  it('gives the models of all pages', async () => {
    const many = await startGateway({ env: { OPENAI_API_KEY: 'sk-test-never-used', ALLOWED_MODELS: 'openai/*' } });
    onTestFinished(() => many.close());
    const client = clientOf(many);
    const whole = await client.listModels();
    expect(whole.length).toBeGreaterThan(5);
    expect(await client.listModels({ pageSize: 2 })).toEqual(whole);
    expect(await client.listModels({ pageSize: whole.length })).toEqual(whole);
  });

  it('filters', async () => {
    expect(await clientOf(gateway).listModels({ allowedOnly: true })).toMatchObject([{ provider: 'mock', id: 'echo' }]);
  });
});

describe('health', () => {
  it('tells the state', async () => {
    const health = await clientOf(gateway, { sourceAgent: 'Планировщик', sessionId: 'watch' }).health();
    expect(health.status).toBe(HealthStatus.SERVING);
    expect(health.providers.map(({ provider }) => provider)).toContain('mock');
  });
});

/** What browsers add themselves, or let any page send. */
const BY_THE_BROWSER = /^(?:host|connection|content-length|user-agent|accept.*|sec-fetch-.*)$/;

describe('in a browser', () => {
  it('a page whose origin is let in may send all that the client sends', async () => {
    const upstream = await startUpstream((line) => line.json(404, {}));
    onTestFinished(() => upstream.close());
    const settings = { sourceAgent: 'a', sessionId: 's', traceId: 't', traceparent: `00-${TRACE}-${SPAN}-01` };
    const client = createClient({ baseUrl: `http://127.0.0.1:${upstream.port}`, timeoutMs: 60_000, ...settings });
    await Promise.allSettled([
      client.complete(hello),
      client.stream(hello).final(),
      client.listModels(),
      client.health(),
    ]);
    const sent = new Set(upstream.received.flatMap(({ headers }) => Object.keys(headers)));
    const own = [...sent].filter((name) => !BY_THE_BROWSER.test(name));
    expect(own).toEqual(
      expect.arrayContaining(['content-type', 'connect-timeout-ms', 'traceparent', 'x-source-agent']),
    );

    const page = await startGateway({ env: { ANTIPHON_CORS_ORIGINS: 'https://page.example' } });
    onTestFinished(() => page.close());
    const asked = {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': own.join(','),
    };
    const url = `http://127.0.0.1:${page.httpPort}/antiphon.v1.LlmService/Complete`;
    const { headers } = await fetch(url, { method: 'OPTIONS', headers: asked });
    const allowed = headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
    expect(own.filter((name) => !allowed?.includes(name))).toEqual([]);
  });
});
