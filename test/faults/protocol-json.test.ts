import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcFrame, type RawReply, rawHttp2 } from '../support/raw-http2.ts';
import { assistant, type PartInit, type RequestInit, requestOf, text, toolResult, user } from '../support/requests.ts';
import { type Scene, scene, wayNames } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const { complete } = LlmService.method;
const hello = helloRequest('test-model');
const results = (...content: PartInit[]) => ({ role: Role.TOOL, content });
const PATH = '/antiphon.v1.LlmService/Complete';

/** The answer of the provider, which may be changed while the gateway runs. */
interface Stage extends Scene {
  body: unknown;
}

async function stageOf(body: unknown = chatBody('x')): Promise<Stage> {
  const stage: Stage = { ...(await scene((line) => line.json(200, stage.body))), body };
  return stage;
}

async function postJson({ gateway }: Scene, body: string): Promise<{ status: number; text: string }> {
  const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}${PATH}`, init);
  return { status: response.status, text: await response.text() };
}

/** The same message by gRPC, on either port. */
async function postBinary({ gateway }: Scene, message: Uint8Array): Promise<RawReply[]> {
  const replies: RawReply[] = [];
  for (const port of [gateway.grpcPort, gateway.httpPort]) {
    const client = await rawHttp2(port);
    onTestFinished(() => client.close());
    replies.push(await client.call({ path: PATH, body: grpcFrame(message) }));
  }
  return replies;
}

/** Whatever was sent before, every door serves the next call, and soon. */
async function expectServed({ client, gateway }: Scene): Promise<void> {
  for (const way of wayNames) {
    const startMs = performance.now();
    expect((await client(way).unary(complete, hello)).error).toBeUndefined();
    expect(performance.now() - startMs).toBeLessThan(2_000);
  }
  expect(gateway.logText()).not.toMatch(/"level":"error"/);
}

/** JSON that nests so deep, or is so wide, that it must not be walked. */
const DEEP = 100_000;
const deepObject = `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`;
const deepList = `{"a":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`;
const wideObject = `{${Array.from({ length: 60_000 }, (_, i) => `"${i}":1`).join()}}`;
const wideList = `{"a":[${'1,'.repeat(100_000)}1]}`;
const typed = (json: string) => `{"type":"object","properties":${json}}`;

const shapes: readonly (readonly [string, string])[] = [
  ['deep objects', deepObject],
  ['deep lists', deepList],
  ['wide objects', wideObject],
  ['wide lists', wideList],
];

describe('row 54: JSON in a text', () => {
  const asking = (init: RequestInit) => requestOf({ model: 'test-model', messages: [user(text('a'))], ...init });
  const fields: readonly (readonly [string, (json: string) => RequestInit, string])[] = [
    ['a tool', (json) => ({ tools: [{ name: 'f', parameters: typed(json) }] }), 'tools[0].parameters'],
    [
      'the shape of an answer',
      (json) => ({ responseFormat: { format: { case: 'jsonSchema', value: { name: 'a', schema: json } } } }),
      'response_format.json_schema.schema',
    ],
  ];
  const table = fields.flatMap(([where, make, field]) =>
    shapes.flatMap(([shape, json]) =>
      wayNames.map((way) => ({ where, shape, way, request: asking(make(json)), field })),
    ),
  );

  test.each(table)('of $where, of $shape, is refused by name ($way)', async ({ request, way, field }) => {
    const stage = await stageOf();
    const { error } = await stage.client(way).unary(complete, request);
    expect(error).toMatchObject({ code: 3, badRequest: { fieldViolations: [{ field }] } });
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });

  test.each(shapes)('that a model wrote as arguments, of %s, passes as it is', async (_name, json) => {
    const call = { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: json } };
    const message = { role: 'assistant', content: null, tool_calls: [call] };
    const stage = await stageOf({ ...chatBody(''), choices: [{ index: 0, message, finish_reason: 'tool_calls' }] });
    const { messages, error } = await stage.client('gRPC').unary(complete, hello);
    expect(error).toBeUndefined();
    expect(messages[0]?.content[0]?.part).toMatchObject({ value: { arguments: json } });
    // And back again, as part of the conversation.
    const next = requestOf({
      model: 'test-model',
      messages: [user(text('a')), assistant(...(messages[0]?.content ?? [])), results(toolResult('c'))],
    });
    stage.body = chatBody('x');
    for (const way of wayNames) expect((await stage.client(way).unary(complete, next)).error).toBeUndefined();
    expect(stage.upstream.received).toHaveLength(1 + wayNames.length);
  });
});

describe('row 54: options of a provider', () => {
  /** Some are too long for the door, or too deep to be read: that is as good a refusal. */
  test.each(shapes)('of %s are refused in JSON', async (_name, json) => {
    const stage = await stageOf();
    const reply = await postJson(stage, `{"model":"test-model","messages":[],"provider_options":{"test":${json}}}`);
    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.text)).toMatchObject({ code: 'invalid_argument' });
    expect(reply.text.length).toBeLessThan(4_000);
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });

  test('of a moderate depth and width are refused by name', async () => {
    const stage = await stageOf();
    for (const json of [`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`, `{"a":[${'1,'.repeat(4_096)}1]}`]) {
      const message = '"messages":[{"role":"ROLE_USER","content":[{"text":"a"}]}]';
      const reply = await postJson(stage, `{"model":"test-model",${message},"provider_options":{"test":${json}}}`);
      expect(reply.status).toBe(400);
      expect(reply.text).toContain('provider_options must be at most 8 levels deep');
    }
    expect(stage.upstream.received).toHaveLength(0);
  });

  /** A field of a message, with its length. */
  const field = (number: number, content: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.length), content]);

  function varint(value: number): Buffer {
    const bytes: number[] = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push(rest < 128 ? rest : (rest % 128) + 128);
      if (rest < 128) return Buffer.from(bytes);
    }
  }

  /** What goes before the content of a field. */
  const opening = (number: number, length: number) => Buffer.concat([varint((number << 3) | 2), varint(length)]);
  const KEY = field(1, Buffer.from('a'));

  /** A Struct whose value for "a" is a Struct, and so on; or lists in lists. Written from its end. */
  function nestedStruct(levels: number, lists: boolean): Buffer {
    const pieces: Buffer[] = [Buffer.from([0x08, 0x00])];
    let length = 2;
    const wrap = (number: number, before: Buffer = Buffer.alloc(0)) => {
      const piece = Buffer.concat([before, opening(number, length)]);
      pieces.push(piece);
      length += piece.length;
    };
    for (let i = 0; i < levels; i++) {
      if (!lists) wrap(2, KEY);
      wrap(1);
      wrap(lists ? 6 : 5);
    }
    wrap(2, KEY);
    wrap(1);
    return Buffer.concat(pieces.reverse());
  }

  test.each([
    ['objects, 9 deep', 9, false, 3],
    ['objects, 25 deep', 25, false, 3],
    ['objects, 20,000 deep', 20_000, false, 13],
    ['lists, 9 deep', 9, true, 3],
    ['lists, 20,000 deep', 20_000, true, 13],
  ] as const)('of %s are refused in binary', async (_name, levels, lists, grpcStatus) => {
    const stage = await stageOf();
    const entry = Buffer.concat([field(1, Buffer.from('test')), field(2, nestedStruct(levels, lists))]);
    const number = CompleteRequestSchema.field.providerOptions.number;
    const options = Buffer.concat([varint(number * 8 + 2), varint(entry.length), entry]);
    const replies = await postBinary(stage, Buffer.concat([toBinary(CompleteRequestSchema, hello), options]));
    // A message that is too deep to be read at all is INTERNAL in gRPC.
    for (const reply of replies) expect(reply).toMatchObject({ grpcStatus, rstCode: 0 });
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });
});

describe('row 54: what a provider answers', () => {
  test.each(shapes)('of %s, in the place of the answer, is not fatal', async (_name, json) => {
    const stage = await stageOf(json);
    for (const way of wayNames) {
      const { error } = await stage.client(way).unary(complete, hello);
      expect(error?.errorInfo?.reason).toMatch(/^UPSTREAM_/);
    }
    expect(stage.upstream.received).toHaveLength(wayNames.length);
    stage.body = chatBody('x');
    await expectServed(stage);
  });

  test.each(shapes)('of %s, in a field that nobody reads, is passed over', async (_name, json) => {
    const stage = await stageOf(`${JSON.stringify(chatBody('x')).slice(0, -1)},"extra":${json}}`);
    for (const way of wayNames) expect((await stage.client(way).unary(complete, hello)).error).toBeUndefined();
    expect(stage.upstream.received).toHaveLength(wayNames.length);
  });

  test.each(shapes)('of %s, in its error, is not fatal', async (_name, json) => {
    const stage = await scene((line) => line.json(400, `{"error":{"message":${json}}}`));
    for (const way of wayNames) {
      const { error } = await stage.client(way).unary(complete, hello);
      expect(error?.errorInfo?.reason).toBe('UPSTREAM_REJECTED');
    }
    expect(stage.upstream.received).toHaveLength(wayNames.length);
  });
});
