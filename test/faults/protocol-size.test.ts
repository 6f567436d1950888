import { request as httpRequest } from 'node:http';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { pour } from '../support/pour.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { grpcFrame, type RawReply, type RawRequest, rawHttp2, readReply } from '../support/raw-http2.ts';
import { scene, wayNames } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const { complete, streamComplete, health } = LlmService.method;
const UNARY = '/antiphon.v1.LlmService/Complete';
const STREAM = '/antiphon.v1.LlmService/StreamComplete';
const MIB = 1024 * 1024;

const hello = toBinary(CompleteRequestSchema, helloRequest('mock/echo'));

const withText = (value: string) =>
  create(CompleteRequestSchema, { model: 'test-model', messages: [{ content: [{ part: { case: 'text', value } }] }] });

// No 100 MiB here: Node's own HTTP/2 client gives up on messages of more than 10 MB, whatever the server says.
test.each(wayNames)('row 42: a request over the limit (%s) is refused, and the next one is served', async (way) => {
  const stage = await scene((line) => line.json(200, chatBody('x')), {
    file: `server: { max_message_bytes: ${2 * MIB} }`,
  });
  const client = stage.client(way);
  const request = withText('x'.repeat(5 * MIB));
  expect((await client.unary(complete, request)).error).toMatchObject({ code: 8 });
  expect((await client.stream(streamComplete, request)).error).toMatchObject({ code: 8 });
  expect((await client.unary(health, {})).error).toBeUndefined();
  expect(stage.upstream.received).toHaveLength(0);
});

const BODY_BYTES = 100 * MIB;
const PIECE = Buffer.alloc(64 * 1024, 'x');

/** The beginning of a message that says it is 100 MiB long. */
function envelopeHead(): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(BODY_BYTES, 1);
  return head;
}

/** Sends 100 MiB, or as much of it as the gateway takes before it has answered. */
async function sendTooMuch(port: number, request: RawRequest, enveloped: boolean): Promise<RawReply> {
  const client = await rawHttp2(port);
  onTestFinished(() => client.close());
  const stream = client.open(request);
  let answered = false;
  const reply = readReply(stream).finally(() => {
    answered = true;
  });
  if (enveloped) stream.write(envelopeHead());
  for (let sent = 0; sent < BODY_BYTES && !answered; sent += PIECE.length) {
    if (!stream.write(PIECE)) await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), reply]);
    stream.removeAllListeners('drain');
  }
  stream.end();
  return reply;
}

const CONNECT_UNARY = { 'content-type': 'application/proto', te: undefined };
const CONNECT_STREAM = { 'content-type': 'application/connect+proto', te: undefined };

/** Each sends its 100 MiB and gives what tells how it was refused. */
const oversized: Record<string, (ports: GatewayProcess) => Promise<unknown>> = {
  gRPC: async ({ grpcPort }) => (await sendTooMuch(grpcPort, { path: UNARY }, true)).grpcStatus,
  'gRPC, stream': async ({ grpcPort }) => (await sendTooMuch(grpcPort, { path: STREAM }, true)).grpcStatus,
  'gRPC on the HTTP port': async ({ httpPort }) => (await sendTooMuch(httpPort, { path: UNARY }, true)).grpcStatus,
  'Connect, unary': async ({ httpPort }) => {
    const { body } = await sendTooMuch(httpPort, { path: UNARY, headers: CONNECT_UNARY }, false);
    return JSON.parse(body.toString()).code;
  },
  'Connect, stream': async ({ httpPort }) => {
    const { body } = await sendTooMuch(httpPort, { path: STREAM, headers: CONNECT_STREAM }, true);
    return JSON.parse(body.subarray(5).toString()).error.code;
  },
  'Connect over HTTP/1.1': ({ httpPort }) => sendTooMuchByHttp1(httpPort),
};

/** Without a length, so that the gateway finds out only as it reads. */
function sendTooMuchByHttp1(port: number): Promise<unknown> {
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: UNARY,
    headers: { 'content-type': 'application/proto' },
  });
  return new Promise((resolve, reject) => {
    let answered = false;
    request.on('error', (error) => answered || reject(error));
    request.on('response', (response) => {
      answered = true;
      response.on('data', (data: Buffer) => resolve(JSON.parse(data.toString()).code));
    });
    let left = BODY_BYTES;
    const send = () => {
      while (left > 0 && !answered) {
        left -= PIECE.length;
        if (!request.write(PIECE)) return;
      }
      if (!answered) request.end();
    };
    request.on('drain', send);
    send();
  });
}

/** What a young heap grows by, whatever it is doing. Several of the bodies would not fit. */
const MOST_GROWTH = 96 * MIB;

test('row 42: bodies of 100 MiB are refused by every protocol without being kept', async () => {
  const gateway = await spawnGateway();
  const idle = await gateway.residentBytes();
  for (const [way, send] of Object.entries(oversized)) {
    for (const _ of [1, 2]) {
      expect(await send(gateway), way).toSatisfy((code) => code === 8 || code === 'resource_exhausted');
      expect((await gateway.residentBytes()) - idle, way).toBeLessThan(MOST_GROWTH);
    }
  }
});

describe('row 43: a large answer', () => {
  test.each(wayNames)('that is streamed (%s) comes in messages that any client takes', async (way) => {
    const stage = await scene(pour(128));
    const { messages, error } = await stage.client(way).stream(streamComplete, helloRequest('test-model'));
    expect(error).toBeUndefined();
    const text = messages.flatMap(({ event }) => (event.case === 'textDelta' ? [event.value.text] : []));
    expect(text.join('')).toHaveLength(128 * 64 * 1024);
    expect(Math.max(...text.map(({ length }) => length))).toBeLessThan(4 * MIB);
    expect(stage.upstream.received).toHaveLength(1);
  });

  test.each(wayNames)('that is one message (%s) comes whole to a client that takes it', async (way) => {
    const stage = await scene((line) => line.json(200, chatBody('x'.repeat(6 * MIB))));
    const { messages } = await stage.client(way).unary(complete, helloRequest('test-model'));
    expect(messages[0]?.content).toMatchObject([{ part: { case: 'text', value: 'x'.repeat(6 * MIB) } }]);
    expect(stage.upstream.received).toHaveLength(1);
  });

  test("over a client's own limit of 4 MiB is refused by that client, and was a success here", async () => {
    const stage = await scene((line) => line.json(200, chatBody('x'.repeat(6 * MIB))));
    const client = new Client(`127.0.0.1:${stage.gateway.grpcPort}`, credentials.createInsecure());
    onTestFinished(() => client.close());
    const answer = new Promise((resolve) =>
      client.makeUnaryRequest<Buffer, CompleteResponse>(
        UNARY,
        (bytes) => bytes,
        (bytes) => fromBinary(CompleteResponseSchema, bytes),
        Buffer.from(toBinary(CompleteRequestSchema, helloRequest('test-model'))),
        (error) => resolve(error?.code),
      ),
    );
    expect(await answer).toBe(8);
    expect(await stage.callLine()).toMatchObject({ status: 'OK' });
    await stage.quiet({ connections: false });
    expect(stage.upstream.received).toHaveLength(1);
  });

  test.each(wayNames)('over limits.max_response_bytes (%s) is refused', async (way) => {
    const stage = await scene(pour(64), { file: 'limits: { max_response_bytes: 1048576 }' });
    const reply = await stage.client(way).stream(streamComplete, helloRequest('test-model'));
    expect(reply.error).toMatchObject({ code: 8, errorInfo: { reason: 'UPSTREAM_TOO_LARGE' } });
    await stage.quiet();
    expect(stage.upstream.received).toHaveLength(1);
  });
});

const BOMB_BYTES = 192 * MIB;

/** What so many bytes of nothing come to: far below any limit. */
const nothing = Buffer.alloc(BOMB_BYTES);
const bombs = {
  gzip: gzipSync(nothing, { level: 1 }),
  br: brotliCompressSync(nothing, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
};

const corrupt = gzipSync(hello).fill(7, 12);
const cut = gzipSync(hello).subarray(0, 20);

/** Encoding, message, and what it gives on the gRPC port, by gRPC on the HTTP port, and by Connect. */
const compressed: [name: string, encoding: string, message: Buffer, grpc: number, http: number, connect: string][] = [
  ['a gzip bomb', 'gzip', bombs.gzip, 8, 8, 'resource_exhausted'],
  ['a brotli bomb', 'br', bombs.br, 12, 8, 'resource_exhausted'],
  ['corrupt gzip', 'gzip', corrupt, 13, 3, 'invalid_argument'],
  ['gzip that is cut off', 'gzip', cut, 13, 13, 'internal'],
  ['an unknown encoding', 'zstd', corrupt, 12, 12, 'unimplemented'],
  ['gzip as it should be', 'gzip', gzipSync(hello), 0, 0, ''],
];

test('row 44: whatever is wrong with compression is told, and the process lives on in bounds', async () => {
  const gateway = await spawnGateway();
  const idle = await gateway.residentBytes();
  for (const [name, encoding, message, grpc, http, connect] of compressed) {
    const request = { path: UNARY, headers: { 'grpc-encoding': encoding }, body: grpcFrame(message, true) };
    expect(await raw(gateway.grpcPort, request), `${name} by gRPC`).toMatchObject({ grpcStatus: grpc, rstCode: 0 });
    expect(await raw(gateway.httpPort, request), `${name} on 8080`).toMatchObject({ grpcStatus: http, rstCode: 0 });
    expect(await connectCode(gateway.httpPort, encoding, message), `${name} by Connect`).toBe(connect);
    expect((await gateway.residentBytes()) - idle, name).toBeLessThan(0.75 * BOMB_BYTES);
  }
  expect(gateway.stderr()).not.toMatch(/at .*:\d+:\d+/);
});

async function raw(port: number, request: RawRequest): Promise<RawReply> {
  const client = await rawHttp2(port);
  onTestFinished(() => client.close());
  return client.call(request);
}

async function connectCode(port: number, encoding: string, body: Buffer): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${UNARY}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/proto', 'content-encoding': encoding },
  });
  return response.status === 200 ? '' : ((await response.json()) as { code: string }).code;
}
