import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema, type Role } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcFrame, type RawReply, rawHttp2 } from '../support/raw-http2.ts';
import { callLines, type Scene, scene, wayNames } from '../support/scene.ts';
import { chatBody, chatChunk } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;
const SERVICE = '/antiphon.v1.LlmService';
const hello = helloRequest('test-model');
const HELLO = toBinary(CompleteRequestSchema, hello);
const kinds = ['unary', 'stream'] as const;

const answering = (): Promise<Scene> => scene((line) => line.json(200, chatBody('x')));

async function raw(port: number, path: string, body: Uint8Array): Promise<RawReply> {
  const client = await rawHttp2(port);
  onTestFinished(() => client.close());
  return client.call({ path, body });
}

async function connect(port: number, path: string, type: string, body: Uint8Array | string) {
  const headers = { 'content-type': type };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body, headers });
  return { status: response.status, text: await response.text() };
}

/** After whatever went wrong, the next call is served. */
async function expectServed({ client, gateway }: Scene): Promise<void> {
  for (const way of wayNames) expect((await client(way).unary(complete, hello)).error).toBeUndefined();
  expect(gateway.logText()).not.toMatch(/"level":"error"/);
}

const NO_MESSAGE = Buffer.from([0xff, 0xff, 0xff]);
/** Field 1, `model`, with two bytes that no UTF-8 has. */
const NO_TEXT = Buffer.from([0x0a, 0x02, 0xff, 0xfe]);

describe('row 45', () => {
  test.each([
    ['bytes that are no message', NO_MESSAGE],
    ['a text that is not UTF-8', NO_TEXT],
  ])('%s give INTERNAL everywhere, and no call', async (_name, message) => {
    const stage = await answering();
    const { grpcPort, httpPort } = stage.gateway;
    for (const method of ['Complete', 'StreamComplete']) {
      const path = `${SERVICE}/${method}`;
      for (const port of [grpcPort, httpPort]) {
        const reply = await raw(port, path, grpcFrame(message));
        expect(reply).toMatchObject({ grpcStatus: 13, rstCode: 0 });
        expect(reply.grpcMessage).toMatch(/^[\x20-\x7e]{1,100}$/);
      }
    }
    const unary = await connect(httpPort, `${SERVICE}/Complete`, 'application/proto', message);
    expect(unary.status).toBe(500);
    expect(JSON.parse(unary.text)).toMatchObject({ code: 'internal' });
    const path = `${SERVICE}/StreamComplete`;
    const stream = await connect(httpPort, path, 'application/connect+proto', grpcFrame(message));
    expect(JSON.parse(stream.text.slice(5))).toMatchObject({ error: { code: 'internal' } });
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });

  test.each([
    ['JSON that is cut off', '{"model":"test-model","messages":['],
    ['JSON that is not UTF-8', Buffer.from('{"model":"\xff\xfe"}', 'latin1')],
    ['JSON with half a character', '{"messages":[{"content":[{"text":"a\\ud800b"}]}]}'],
    ['JSON of another shape', '[{"model":"test-model"}]'],
    ['no JSON at all', ''],
  ])('%s gives INVALID_ARGUMENT', async (_name, body) => {
    const stage = await answering();
    const reply = await connect(stage.gateway.httpPort, `${SERVICE}/Complete`, 'application/json', body);
    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.text)).toMatchObject({ code: 'invalid_argument' });
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });
});

test.each([
  ['two messages', Buffer.concat([grpcFrame(HELLO), grpcFrame(HELLO)]), [12, 12], 'unimplemented'],
  ['no message', Buffer.alloc(0), [12, 12], 'unimplemented'],
  ['a message that is cut off', grpcFrame(HELLO).subarray(0, 8), [12, 3], 'invalid_argument'],
])('row 46: %s', async (_name, body, [onGrpcPort, onHttpPort], byConnect) => {
  const stage = await answering();
  const { grpcPort, httpPort } = stage.gateway;
  for (const method of ['Complete', 'StreamComplete']) {
    const path = `${SERVICE}/${method}`;
    expect(await raw(grpcPort, path, body)).toMatchObject({ grpcStatus: onGrpcPort, rstCode: 0 });
    expect(await raw(httpPort, path, body)).toMatchObject({ grpcStatus: onHttpPort, rstCode: 0 });
  }
  const { text } = await connect(httpPort, `${SERVICE}/StreamComplete`, 'application/connect+proto', body);
  expect(JSON.parse(text.slice(5))).toMatchObject({ error: { code: byConnect } });
  expect(stage.upstream.received).toHaveLength(0);
  await expectServed(stage);
});

const table = wayNames.flatMap((way) => kinds.map((kind) => ({ way, kind })));

/** What a hostile provider says in the message of its error, and what of it may arrive. */
const words: [row: string, name: string, sent: string, expected: RegExp][] = [
  ['row 47', 'half a character', 'bad \ud800 model', /: bad \ufffd model$/],
  ['row 47', 'the other half', '\udc00\udc00 model', /: \ufffd\ufffd model$/],
  ['row 48', '200 KB', 'too long '.repeat(25_000), /^The provider refused the request as invalid\./],
  ['row 49', 'line ends', 'a\r\ngrpc-status: 0\r\n\r\nb', /: a grpc-status: 0 b$/],
  ['row 49', 'control characters', 'a\0\x1b[31mb\x7fc', /: a \[31mb c$/],
];

describe.each(words)('%s: %s in the words of a provider', (_row, _name, message, expected) => {
  test.each(table)('arrives as safe text ($kind, $way)', async ({ way, kind }) => {
    const stage = await scene((line) => line.json(400, { error: { message, type: 'invalid_request_error' } }));
    const method = kind === 'unary' ? complete : streamComplete;
    const { error } = await stage.client(way)[kind](method as typeof complete, hello);
    expect(error).toMatchObject({ code: 3, errorInfo: { reason: 'UPSTREAM_REJECTED' } });
    expectSafe(error?.message, expected);
    await stage.quiet({ connections: false });
    expect(stage.upstream.received).toHaveLength(1);
  });

  test.each(wayNames)('arrives as safe text after the first messages of a stream (%s)', async (way) => {
    const stage = await scene((line) => {
      line.startStream();
      line.text('hi');
      line.event({ error: { message, type: 'invalid_request_error' } });
    });
    const { messages, error } = await stage.client(way).stream(streamComplete, hello);
    expect(messages).toHaveLength(2);
    expect(error).toMatchObject({ code: 3, errorInfo: { reason: 'UPSTREAM_REJECTED' } });
    expectSafe(error?.message, expected);
    await stage.quiet();
    expect(stage.upstream.received).toHaveLength(1);
  });
});

function expectSafe(message = '', expected: RegExp): void {
  expect(message).toMatch(expected);
  expect(message.isWellFormed()).toBe(true);
  expect(message).not.toMatch(/\p{Cc}/u);
  expect(message.length).toBeLessThanOrEqual(1024);
}

test.each(wayNames)('row 49: no header of a caller goes to the provider (%s)', async (way) => {
  const stage = await answering();
  const headers = { authorization: 'Bearer of-the-caller', cookie: 'a=b', 'x-forwarded-for': '1.2.3.4', 'x-any': 'y' };
  await stage.client(way).unary(complete, hello, { headers });
  expect(stage.upstream.received).toHaveLength(1);
  const sent = stage.upstream.received[0]?.headers ?? {};
  expect(sent.authorization).toBe('Bearer sk-test-key-of-the-gateway');
  expect(Object.keys(sent).sort()).toEqual(
    [
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'traceparent',
      'user-agent',
    ].sort(),
  );
});

describe('row 50: a defect', () => {
  test.each(table)('is INTERNAL, and nothing hangs ($kind, $way)', async ({ way, kind }) => {
    const stage = await scene(() => undefined, { env: { ALLOWED_MODELS: 'mock/*,test/*', USE_MOCK_LLM: 'true' } });
    const request = create(CompleteRequestSchema, {
      ...helloRequest('mock/echo'),
      providerOptions: { mock: { fault: 'internal', fault_after_tokens: 2 } },
    });
    const method = kind === 'unary' ? complete : streamComplete;
    const { messages, error } = await stage.client(way)[kind](method as typeof complete, request);
    expect(error).toMatchObject({ code: 13, errorInfo: { reason: 'INTERNAL' } });
    expect(messages).toHaveLength(kind === 'unary' ? 0 : 3);
    expect(await stage.callLine()).toMatchObject({ level: 'error', status: 'INTERNAL' });
  });

  /** An answer with something else in one place. */
  const hostileBody = fc
    .tuple(
      fc.constantFrom(
        ['id'],
        ['model'],
        ['choices'],
        ['usage'],
        ['usage', 'prompt_tokens'],
        ['error'],
        ['choices', 0],
        ['choices', 0, 'message'],
        ['choices', 0, 'message', 'content'],
        ['choices', 0, 'message', 'tool_calls'],
        ['choices', 0, 'message', 'refusal'],
        ['choices', 0, 'finish_reason'],
        ['choices', 0, 'index'],
      ),
      fc.oneof(
        fc.jsonValue({ maxDepth: 3 }),
        fc.constantFrom(-1, 1.5, 1e308, '\ud800', [[]], [null], { __proto__: null }, [{ function: { arguments: 7 } }]),
      ),
    )
    .map(([path, value]) => put(JSON.parse(JSON.stringify(chatBody('x'))), path, value));

  test('is not what a provider can bring about, whatever it answers', async () => {
    let body: unknown;
    const stage = await scene((line) => {
      if (line.request.headers.accept === 'application/json') return line.json(200, body);
      line.startStream();
      line.event(body);
      line.event(chatChunk({}, 'stop'));
      line.chunk('data: [DONE]\n\n');
      line.endStream();
    });
    const client = stage.client('gRPC');
    await fc.assert(
      fc.asyncProperty(hostileBody, async (hostile) => {
        body = hostile;
        expect((await client.unary(complete, hello)).error?.code).not.toBe(13);
        expect((await client.stream(streamComplete, hello)).error?.code).not.toBe(13);
      }),
      { numRuns: 150 },
    );
    expect(callLines(stage.gateway).filter(({ status }) => status === 'INTERNAL')).toEqual([]);
    await stage.quiet({ connections: false });
  });
});

function put(root: Record<string, unknown>, path: readonly (string | number)[], value: unknown): unknown {
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], root);
  (parent as Record<string | number, unknown>)[path.at(-1) ?? ''] = value;
  return root;
}

describe('row 56', () => {
  test.each(wayNames)('an enum value that is not known is INVALID_ARGUMENT with its path (%s)', async (way) => {
    const stage = await answering();
    const request = create(CompleteRequestSchema, {
      model: 'test-model',
      messages: [{ role: 99 as Role, content: [{ part: { case: 'text', value: 'hello' } }] }],
    });
    expect((await stage.client(way).unary(complete, request)).error).toMatchObject({
      code: 3,
      errorInfo: { reason: 'INVALID_REQUEST' },
      badRequest: { fieldViolations: [{ field: 'messages[0].role' }] },
    });
    expect(stage.upstream.received).toHaveLength(0);
  });

  test('an enum name that is not known is INVALID_ARGUMENT with its path', async () => {
    const stage = await answering();
    const body = '{"model":"test-model","messages":[{"role":"ROLE_ALIEN","content":[{"text":"hello"}]}]}';
    const { status, text } = await connect(stage.gateway.httpPort, `${SERVICE}/Complete`, 'application/json', body);
    expect(status).toBe(400);
    expect(JSON.parse(text).message).toContain('messages[0].role');
    expect(stage.upstream.received).toHaveLength(0);
  });

  /** Field 2046, with three letters. */
  const WITH_UNKNOWN_FIELD = Buffer.concat([HELLO, Buffer.from([0xf2, 0x7f, 0x03, 0x61, 0x62, 0x63])]);

  test('a field that is not known is ignored, and does not go to the provider', async () => {
    const stage = await answering();
    const { grpcPort, httpPort } = stage.gateway;
    const path = `${SERVICE}/Complete`;
    for (const port of [grpcPort, httpPort]) {
      expect(await raw(port, path, grpcFrame(WITH_UNKNOWN_FIELD))).toMatchObject({ grpcStatus: 0 });
    }
    expect((await connect(httpPort, path, 'application/proto', WITH_UNKNOWN_FIELD)).status).toBe(200);
    const json =
      '{"model":"test-model","abc":1,"messages":[{"role":"ROLE_USER","content":[{"text":"hello","abc":{}}]}]}';
    expect((await connect(httpPort, path, 'application/json', json)).status).toBe(200);
    expect(stage.upstream.received).toHaveLength(4);
    for (const { body } of stage.upstream.received) {
      expect(JSON.parse(body)).toEqual({ model: 'test-model', messages: [{ role: 'user', content: 'hello' }] });
    }
  });

  test.each([`${SERVICE}/Nothing`, '/antiphon.v1.NoService/Complete', '/nothing'])(
    'the method %s is UNIMPLEMENTED, or 404',
    async (path) => {
      const stage = await answering();
      const { grpcPort, httpPort } = stage.gateway;
      expect(await raw(grpcPort, path, grpcFrame(HELLO))).toMatchObject({ grpcStatus: 12 });
      // What gRPC clients take for UNIMPLEMENTED when there is no grpc-status.
      expect((await raw(httpPort, path, grpcFrame(HELLO))).headers[':status']).toBe(404);
      const { status, text } = await connect(httpPort, path, 'application/proto', HELLO);
      expect(status).toBe(404);
      expect(JSON.parse(text)).toMatchObject({ code: 'unimplemented' });
      await expectServed(stage);
    },
  );
});
