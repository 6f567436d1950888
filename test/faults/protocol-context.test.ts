import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcFrame, rawHttp2 } from '../support/raw-http2.ts';
import { type Scene, scene, type WayName, wayNames } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const { complete } = LlmService.method;
const hello = helloRequest('test-model');
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

const answering = (): Promise<Scene> => scene((line) => line.json(200, chatBody('x')));

const bad: Record<string, string> = {
  'an unknown version': `ff-${TRACE}-${SPAN}-01`,
  'a trace id of zeros': `00-${'0'.repeat(32)}-${SPAN}-01`,
  'a span id of zeros': `00-${TRACE}-${'0'.repeat(16)}-01`,
  'capital letters': `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  'too few digits': `00-${TRACE.slice(1)}-${SPAN}-01`,
  'too many fields': `00-${TRACE}-${SPAN}-01-more`,
  'another alphabet': `00-${'g'.repeat(32)}-${SPAN}-01`,
  'several at once': `00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`,
  'no sense': "'; DROP TABLE spans; --",
  '8 KB': `00-${TRACE}-${SPAN}-${'0'.repeat(8000)}`,
  nothing: '',
};

describe.each(wayNames)('row 51 (%s): a traceparent with', (way) => {
  test.each(Object.entries(bad))('%s begins a new trace', async (_name, traceparent) => {
    const { client, upstream } = await answering();
    const headers = { traceparent, tracestate: 'vendor=secret' };
    const { messages, error } = await client(way).unary(complete, hello, { headers });
    expect(error).toBeUndefined();
    const traceId = messages[0]?.context?.traceId;
    expect(traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(traceId).not.toBe(TRACE);
    expect(upstream.received).toHaveLength(1);
    const sent = upstream.received[0]?.headers ?? {};
    expect(sent.traceparent).toMatch(new RegExp(`^00-${traceId}-(?!0{16})[0-9a-f]{16}-00$`));
    expect(sent).not.toHaveProperty('tracestate');
  });
});

const member = (i: number) => `key${i}=${'v'.repeat(20)}`;
/** 15 KB in 500 members. */
const MANY = Array.from({ length: 500 }, (_, i) => member(i)).join(',');

const bombs: [name: string, baggage: string, agent: string][] = [
  ['many members, after the one that counts', `source_agent=planner,${MANY}`, 'planner'],
  ['many members, before the one that would count', `${MANY},source_agent=planner`, ''],
  ['one huge member', `other=${'x'.repeat(15_000)},source_agent=planner`, ''],
  ['a huge value of ours', `source_agent=${'x'.repeat(15_000)}`, ''],
  ['only commas', ','.repeat(15_000), ''],
  ['only percent signs', `source_agent=${'%'.repeat(200)}`, ''],
  ['hidden control characters', 'source_agent=a%0D%0Ab%00', ''],
];

describe.each(wayNames)('row 52 (%s): baggage with', (way) => {
  test.each(bombs)('%s does no harm and goes nowhere', async (_name, baggage, sourceAgent) => {
    const { client, upstream, gateway } = await answering();
    const { messages, error } = await client(way).unary(complete, hello, { headers: { baggage } });
    expect(error).toBeUndefined();
    expect(messages[0]?.context).toMatchObject({ sourceAgent });
    expect(upstream.received).toHaveLength(1);
    expect(upstream.received[0]?.headers).not.toHaveProperty('baggage');
    expect(JSON.stringify(upstream.received[0])).not.toMatch(/planner|key1|xxxx|%/);
    expect(gateway.logText()).not.toMatch(/key1|xxxx/);
  });
});

describe('row 52: more headers than a door takes', () => {
  const BODY = toBinary(CompleteRequestSchema, hello);
  const PATH = '/antiphon.v1.LlmService/Complete';
  const baggage = `source_agent=planner,other=${'x'.repeat(200_000)}`;

  test.each(['grpcPort', 'httpPort'] as const)('end the stream over HTTP/2 (%s), and no other', async (port) => {
    const stage = await answering();
    const client = await rawHttp2(stage.gateway[port]);
    onTestFinished(() => client.close());
    const reply = await client.call({ path: PATH, headers: { baggage }, body: grpcFrame(BODY) });
    expect(reply.grpcStatus).not.toBe(0);
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });

  test('are refused over HTTP/1.1', async () => {
    const stage = await answering();
    const headers = { 'content-type': 'application/proto', baggage };
    const { status } = await fetch(`http://127.0.0.1:${stage.gateway.httpPort}${PATH}`, {
      method: 'POST',
      body: BODY,
      headers,
    });
    expect(status).toBe(431);
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });
});

async function expectServed({ client }: Scene): Promise<void> {
  for (const way of wayNames) expect((await client(way).unary(complete, hello)).error).toBeUndefined();
}

/** Every character up to U+009F, and 1 MB of combining marks on one letter. */
const prompts: [name: string, prompt: string][] = [
  ['NUL and all control characters', `begin ${String.fromCharCode(...Array(160).keys())} end`],
  ['1 MB of combining marks', `begin e${'\u0301'.repeat(500_000)} end`],
  ['what turns text around and breaks lines', 'begin \u202e\u2066\u2028\u2029\ufeff\u200f end'],
  ['characters beyond the first plane', `begin ${'\u{1f469}\u200d\u{1f469}\u{e0001}\u{10ffff}'.repeat(100)} end`],
  ['what looks like a log line', 'begin\r\n{"level":"error","msg":"forged"}\r\n end'],
];

const ask = (client: ReturnType<Scene['client']>, value: string) =>
  client.unary(
    complete,
    create(CompleteRequestSchema, {
      model: 'test-model',
      messages: [{ role: Role.USER, content: [{ part: { case: 'text', value } }] }],
    }),
  );

describe.each(prompts)('row 53: %s in the prompt', (_name, prompt) => {
  test.each(wayNames)('arrives unchanged, comes back unchanged, and is not in the log (%s)', async (way: WayName) => {
    const stage = await scene((line) => line.json(200, chatBody(contentOf(line.request.body))));
    const { messages, error } = await ask(stage.client(way), prompt);
    expect(error).toBeUndefined();
    expect(stage.upstream.received).toHaveLength(1);
    expect(contentOf(stage.upstream.received[0]?.body ?? '') === prompt).toBe(true);
    const [part] = messages[0]?.content ?? [];
    expect(part?.part.value === prompt).toBe(true);
    await stage.callLine();
    expect(stage.gateway.logText()).not.toMatch(/begin|forged/);
    for (const line of stage.gateway.logText().split('\n')) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });
});

const contentOf = (body: string): string => JSON.parse(body).messages[0].content;
