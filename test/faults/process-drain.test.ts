import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { Health } from '#gen/health/v1/health_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { helloRequest } from '../support/calls.ts';
import type { DoorClient, DoorReply } from '../support/doors.ts';
import { providerAt } from '../support/gateway.ts';
import { otlpReceiver } from '../support/otlp-receiver.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { rawHttp2 } from '../support/raw-http2.ts';
import { until, type WayName, wayNames, ways } from '../support/scene.ts';
import { chatBody, type Line, startUpstream, type Upstream } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;
const hello = helloRequest('test-model');
const [SERVING, NOT_SERVING] = [1, 2];

interface Setting {
  readonly upstream: Upstream;
  readonly gateway: GatewayProcess;
  /** The requests that stream, which say one word and wait; all others are answered. */
  readonly streams: readonly Line[];
  client(way: WayName): DoorClient;
}

async function set(delayMs: number, graceMs: number, env: Record<string, string> = {}): Promise<Setting> {
  const streams: Line[] = [];
  const upstream = await startUpstream((line) => {
    if (line.request.headers.accept === 'application/json') return line.json(200, chatBody('x'));
    line.startStream();
    line.text('word');
    streams.push(line);
  });
  onTestFinished(() => upstream.close());
  const gateway = await spawnGateway({
    env: { ...providerAt(upstream.url), ...env },
    file: `server: { drain_delay_ms: ${delayMs}, drain_grace_ms: ${graceMs} }`,
  });
  const client = (way: WayName) => {
    const made = ways[way].client(ways[way].port(gateway));
    onTestFinished(() => made.close());
    return made;
  };
  return { upstream, gateway, streams, client };
}

/** A stream that has come as far as its first word. */
async function streaming(client: DoorClient) {
  const begun = Promise.withResolvers<void>();
  let seen = 0;
  const onMessage = () => {
    if (++seen === 2) begun.resolve();
  };
  const reply = client.stream(streamComplete, hello, { onMessage });
  await begun.promise;
  return { reply };
}

const readiness = async ({ httpPort }: GatewayProcess): Promise<number> =>
  (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).status;

const refused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(false)).on('error', () => resolve(true));
    socket.on('connect', () => socket.destroy());
  });

/** A call that was never begun, so that its client may repeat it elsewhere: connect-node calls the latter INTERNAL. */
function expectRefused({ error }: DoorReply<unknown>): void {
  if (!error?.message.includes('NGHTTP2_REFUSED_STREAM')) expect(error).toMatchObject({ code: 14 });
}

const callLines = ({ lines }: GatewayProcess) => lines().filter(({ msg }) => msg === 'call');

describe('row 71: SIGTERM', () => {
  test('first says that it is not ready, and goes on serving for a while', async () => {
    const { gateway, client } = await set(3_000, 5_000);
    expect(await readiness(gateway)).toBe(200);
    gateway.signal('SIGTERM');
    await until('the probe to fail', async () => (await readiness(gateway)) === 503);
    for (const way of wayNames) {
      const health = await client(way).unary(Health.method.check, {});
      expect(health.messages).toMatchObject([{ status: NOT_SERVING }]);
      expect((await client(way).unary(complete, hello)).error).toBeUndefined();
    }
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
  });

  test.each(wayNames)('then takes nothing new, and lets a stream end by itself (%s)', async (way) => {
    const { gateway, client, streams, upstream } = await set(0, 20_000);
    const caller = client(way);
    const { reply } = await streaming(caller);
    gateway.signal('SIGTERM');
    await until('the doors to be shut', async () => (await refused(gateway.grpcPort)) && refused(gateway.httpPort));
    expectRefused(await caller.unary(complete, hello));
    expect((await client(way).unary(complete, hello)).error).toMatchObject({ code: 14 });
    for (const line of streams) line.finish();
    const { messages, error } = await reply;
    expect(error).toBeUndefined();
    expect(checkEvents(messages)).toBeUndefined();
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
    expect(callLines(gateway)).toMatchObject([{ status: 'OK' }]);
    await until('no connection to the provider', () => upstream.open === 0);
  });

  test.each(wayNames)('at last ends what does not end by itself with UNAVAILABLE (%s)', async (way) => {
    const { gateway, client, upstream } = await set(0, 300);
    const { reply } = await streaming(client(way));
    gateway.signal('SIGTERM');
    const { messages, error } = await reply;
    expect(messages).toHaveLength(2);
    expect(error).toMatchObject({ code: 14, errorInfo: { reason: 'SHUTTING_DOWN' } });
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
    expect(callLines(gateway)).toMatchObject([
      { status: 'UNAVAILABLE', error_reason: 'SHUTTING_DOWN', tokens_estimated: true },
    ]);
    await until('no connection to the provider', () => upstream.open === 0);
  });

  test('sends the spans of the last calls before it ends', async () => {
    const collector = await otlpReceiver();
    onTestFinished(() => collector.close());
    const { gateway, client, streams } = await set(0, 20_000, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    const { reply } = await streaming(client('gRPC'));
    gateway.signal('SIGTERM');
    for (const line of streams) line.finish();
    expect((await reply).error).toBeUndefined();
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
    expect(collector.spans.map(({ name }) => name).sort()).toEqual([
      'antiphon.v1.LlmService/StreamComplete',
      'attempt',
      'chat test-model',
    ]);
  });

  test('does not wait for a collector that never answers', async () => {
    const collector = await otlpReceiver();
    onTestFinished(() => collector.close());
    collector.mode = 'silent';
    const { gateway, client } = await set(0, 5_000, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    expect((await client('gRPC').unary(complete, hello)).error).toBeUndefined();
    gateway.signal('SIGTERM');
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
  });
});

test.each(wayNames)(
  'row 72: an open watch of the health (%s) is told and ended, and keeps nothing open',
  async (way) => {
    const { gateway, client } = await set(0, 20_000);
    const seen: number[] = [];
    const watching = client(way).stream(Health.method.watch, {}, { onMessage: ({ status }) => seen.push(status) });
    await until('the watch to begin', () => seen.length === 1);
    gateway.signal('SIGTERM');
    expect((await watching).error).toMatchObject({ code: 14 });
    expect(seen).toEqual([SERVING, NOT_SERVING]);
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
  },
);

/** Callers that are connected and do nothing. Each resolves when it is connected as it wants to be. */
const idlers: readonly ((gateway: GatewayProcess) => Promise<unknown>)[] = [
  async ({ httpPort }) => {
    const socket = await silent(httpPort);
    socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'data');
  },
  ({ httpPort }) => silent(httpPort),
  ({ grpcPort }) => silent(grpcPort),
  async ({ httpPort }) => (await silent(httpPort)).write(UNFINISHED_HEADERS),
  async ({ httpPort }) => (await silent(httpPort)).write(`${UNFINISHED_HEADERS}content-length: 9\r\n\r\n1`),
  ({ httpPort }) => idleSession(httpPort),
  ({ grpcPort }) => idleSession(grpcPort),
  ({ grpcPort }) => halfMessage(grpcPort),
  ({ httpPort }) => halfMessage(httpPort),
];

const UNFINISHED_HEADERS =
  'POST /antiphon.v1.LlmService/Complete HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\n';

async function silent(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

async function idleSession(port: number): Promise<void> {
  const client = await rawHttp2(port);
  onTestFinished(() => client.close());
  await new Promise((resolve) => client.session.ping(resolve));
}

async function halfMessage(port: number): Promise<void> {
  const client = await rawHttp2(port);
  onTestFinished(() => client.close());
  const stream = client.open({ path: '/antiphon.v1.LlmService/Complete' });
  stream.on('error', () => undefined).write(Buffer.from([0, 0, 0]));
  await new Promise((resolve) => client.session.ping(resolve));
}

test('row 73: callers that are idle, or in the middle of a request, keep nothing open', async () => {
  const { gateway } = await set(0, 500);
  for (const idler of idlers) await idler(gateway);
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
});

describe('row 74', () => {
  test.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ] as const)('%s and then %s ends the process at once, and not well', async (first, second) => {
    const { gateway, client } = await set(0, 600_000);
    const { reply } = await streaming(client('gRPC'));
    gateway.signal(first);
    await until('the doors to be shut', () => refused(gateway.grpcPort));
    gateway.signal(second);
    expect(await gateway.exited).toEqual({ code: 1, signal: null });
    expect((await reply).error).toBeDefined();
  });

  test('a caller that never reads its stream does not keep the process alive', async () => {
    const { gateway, streams } = await set(0, 300);
    const client = await rawHttp2(gateway.httpPort);
    onTestFinished(() => client.close());
    const stream = client.open({
      path: '/antiphon.v1.LlmService/StreamComplete',
      headers: { 'content-type': 'application/connect+json', te: undefined },
    });
    const body = Buffer.from(JSON.stringify({ messages: [{ role: 'ROLE_USER', content: [{ text: 'hello' }] }] }));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    stream.on('error', () => undefined).end(Buffer.concat([head, body]));
    await until('the provider to be asked', () => streams.length === 1);
    for (let i = 0; i < 100; i++) streams[0]?.text('x'.repeat(64 * 1024));
    gateway.signal('SIGTERM');
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
  });
});
