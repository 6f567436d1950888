import { once } from 'node:events';
import { connect } from 'node:http2';
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcFrame, type RawReply, readReply } from '../support/raw-http2.ts';
import { type Scene, scene, wayNames } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const hello = helloRequest('test-model');
const body = grpcFrame(toBinary(CompleteRequestSchema, hello));
const path = '/antiphon.v1.LlmService/Complete';

const answering = (): Promise<Scene> => scene((line) => line.json(200, chatBody('x')));

type Headers = Readonly<Record<string, string | string[]>>;

const long = (bytes: number): Headers => ({ 'x-long': 'a'.repeat(bytes) });
const many = (pairs: number): Headers => Object.fromEntries(Array.from({ length: pairs }, (_, i) => [`x-${i}`, 'a']));
const spread = (pairs: number, bytes: number): Headers =>
  Object.fromEntries(Array.from({ length: pairs }, (_, i) => [`x-${i}`, 'a'.repeat(bytes)]));
/** One value again and again: HTTP/2 sends it once, and then one byte for each. */
const repeated = (times: number, bytes: number): Headers => ({ 'x-long': Array(times).fill('a'.repeat(bytes)) });

/** By a client that does not stop itself from sending so much. */
async function http2(port: number, headers: Headers): Promise<RawReply> {
  const session = connect(`http://127.0.0.1:${port}`, { maxSendHeaderBlockLength: 2 ** 26 });
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  await once(session, 'connect');
  const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request({ ...grpc, ...headers, ':path': path });
  const reply = readReply(stream);
  stream.end(body);
  return reply;
}

async function http1(port: number, headers: Headers): Promise<number> {
  const json = '{"model":"test-model","messages":[{"role":"ROLE_USER","content":[{"text":"hello"}]}]}';
  const url = `http://127.0.0.1:${port}${path}`;
  const init = { method: 'POST', body: json, headers: headersOf(headers) };
  // A server that refuses early may close the connection while the rest is being sent.
  return fetch(url, init).then(
    ({ status }) => status,
    () => 0,
  );
}

function headersOf(headers: Headers): [string, string][] {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, each]),
  );
  return [['content-type', 'application/json'], ...pairs];
}

/** After whatever was sent, others are served, and nothing of it has come to the provider or into the log. */
async function expectServed({ client, gateway, upstream }: Scene): Promise<void> {
  const before = upstream.received.length;
  for (const way of wayNames) {
    expect((await client(way).unary(LlmService.method.complete, hello)).error).toBeUndefined();
  }
  expect(upstream.received).toHaveLength(before + wayNames.length);
  for (const { headers } of upstream.received) {
    expect(Object.keys(headers).filter((name) => /^x-(?:long|\d)/.test(name))).toEqual([]);
  }
  expect(gateway.logText()).not.toMatch(/aaaaaaaa|"level":"error"/);
}

describe('row 41: a caller with headers', () => {
  test.each<[string, Headers]>([
    ['of 8 KB', long(8_000)],
    ['of 100 pairs', many(100)],
  ])('%s is served', async (_name, headers) => {
    const stage = await answering();
    const { grpcPort, httpPort } = stage.gateway;
    for (const port of [grpcPort, httpPort]) {
      expect(await http2(port, headers)).toMatchObject({ grpcStatus: 0, rstCode: 0 });
    }
    expect(await http1(httpPort, headers)).toBe(200);
    await expectServed(stage);
  });

  test.each<[string, Headers]>([
    ['of 120 KB', long(120_000)],
    ['of 1 MB', long(1_000_000)],
    ['of 1,000 pairs', many(1_000)],
    ['of 100 pairs with 10 KB each', spread(100, 10_000)],
    ['of 20,000 pairs', many(20_000)],
    ['that are one of 3 KB, 10,000 times', repeated(10_000, 3_000)],
  ])('%s is refused, and no other caller', async (_name, headers) => {
    const stage = await answering();
    const { grpcPort, httpPort } = stage.gateway;
    for (const port of [grpcPort, httpPort]) {
      const reply = await http2(port, headers);
      expect(reply.rstCode).not.toBe(0);
      expect(reply.grpcStatus).not.toBe(0);
      expect(reply.headers[':status']).not.toBe(200);
    }
    expect([0, 431]).toContain(await http1(httpPort, headers));
    expect(stage.upstream.received).toHaveLength(0);
    await expectServed(stage);
  });
});
