import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema, StreamCompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { helloRequest } from '../support/calls.ts';
import { pour } from '../support/pour.ts';
import { grpcFrame, rawHttp2, readReply } from '../support/raw-http2.ts';
import { scene, until, type WayName, wayNames, ways } from '../support/scene.ts';
import type { Script } from '../support/upstream.ts';

const PATH = '/antiphon.v1.LlmService/StreamComplete';
const CONNECT = { 'content-type': 'application/connect+proto', 'connect-protocol-version': '1' };
const BODY = grpcFrame(toBinary(CompleteRequestSchema, helloRequest('test-model')));

/** A stream that has begun to arrive, and that nobody reads yet. */
interface Unread {
  readonly stream: Readable;
  /** How it ended, once it has been read. */
  ending(body: Buffer): { code: number; reason: string | undefined };
}

const over: Record<WayName, (port: number) => Promise<Unread>> = {
  gRPC: async (port) => {
    const http2 = await rawHttp2(port);
    onTestFinished(() => http2.close());
    const stream = http2.open({ path: PATH });
    const reply = readReply(stream);
    stream.pause();
    let trailers: Awaited<typeof reply>['trailers'] = {};
    void reply.then((read) => {
      trailers = read.trailers;
    });
    stream.end(BODY);
    await once(stream, 'response');
    return {
      stream,
      ending: () => ({
        code: Number(trailers['grpc-status']),
        reason: reasonIn(String(trailers['grpc-status-details-bin'] ?? '')),
      }),
    };
  },
  'Connect over HTTP/1.1': async (port) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', path: PATH, headers: CONNECT });
    sent.end(BODY);
    const [stream] = (await once(sent, 'response')) as [Readable];
    return { stream, ending: connectEnding };
  },
  'Connect over HTTP/2': async (port) => {
    const http2 = await rawHttp2(port);
    onTestFinished(() => http2.close());
    const stream = http2.open({ path: PATH, headers: { ...CONNECT, te: undefined } });
    stream.end(BODY);
    await once(stream, 'response');
    return { stream, ending: connectEnding };
  },
};

const END_OF_STREAM = 2;

function* envelopes(body: Buffer): Generator<{ flags: number; message: Buffer }> {
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    yield { flags: body.readUInt8(at), message: body.subarray(at + 5, end) };
    at = end;
  }
}

const messagesIn = (body: Buffer) =>
  [...envelopes(body)]
    .filter(({ flags }) => flags === 0)
    .map(({ message }) => fromBinary(StreamCompleteResponseSchema, message));

const reasonIn = (details: string): string | undefined => /([A-Z_]{6,})\x12\x0bantiphon/.exec(text(details))?.[1];

const text = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1');

function connectEnding(body: Buffer): { code: number; reason: string | undefined } {
  const last = [...envelopes(body)].at(-1);
  if (last?.flags !== END_OF_STREAM) throw new Error('the stream has no end');
  const { error } = JSON.parse(last.message.toString());
  if (!error) return { code: 0, reason: undefined };
  const [info] = error.details;
  return {
    code: error.code === 'unavailable' ? 14 : -1,
    reason: fromBinary(ErrorInfoSchema, Buffer.from(info.value, 'base64')).reason,
  };
}

async function read({ stream, ending }: Unread) {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.resume();
  if (!stream.closed) await once(stream, 'close');
  await delay(0);
  const body = Buffer.concat(chunks);
  return { messages: messagesIn(body), ...ending(body) };
}

/** What all the buffers between two ends may hold: those of the kernel, and 16 messages of the gateway's own. */
const MOST_IN_BETWEEN = 24 * 1024 * 1024;

function watched(script: Script): { script: Script; socket: Promise<Socket> } {
  const socket = Promise.withResolvers<Socket>();
  return {
    socket: socket.promise,
    script(line, n) {
      socket.resolve(line.socket);
      return script(line, n);
    },
  };
}

test.each(wayNames)('row 36: a stream that nobody reads (%s) pauses the provider, and is then cut off', async (way) => {
  const { script, socket } = watched(pour(Number.POSITIVE_INFINITY));
  const stage = await scene(script, { file: 'timeouts: { stall_ms: 700 }' });
  const unread = await over[way](ways[way].port(stage.gateway));
  // Were it read on and on, it would end with UPSTREAM_TOO_LARGE instead.
  expect(await stage.callLine()).toMatchObject({
    level: 'info',
    status: 'UNAVAILABLE',
    error_reason: 'SLOW_CONSUMER',
    tokens_estimated: true,
  });
  expect((await socket).bytesWritten).toBeLessThan(MOST_IN_BETWEEN);
  await stage.quiet();
  expect(stage.upstream.received).toHaveLength(1);
  expect(await read(unread)).toMatchObject({ code: 14, reason: 'SLOW_CONSUMER' });
});

test.each(wayNames)('row 36: a stream that is left unread for a while (%s) arrives whole', async (way) => {
  const pieces = 400;
  const { script, socket } = watched(pour(pieces));
  const stage = await scene(script);
  const unread = await over[way](ways[way].port(stage.gateway));
  const { bytesWritten } = await stalled(await socket);
  expect(bytesWritten).toBeLessThan(MOST_IN_BETWEEN);
  const { messages, code } = await read(unread);
  expect(code).toBe(0);
  expect(checkEvents(messages)).toBeUndefined();
  expect(messages).toHaveLength(pieces + 2);
  expect(await stage.callLine()).toMatchObject({ status: 'OK' });
  await stage.quiet({ connections: false });
  expect(stage.upstream.received).toHaveLength(1);
});

/** Resolves when a socket takes no more. */
async function stalled(socket: Socket): Promise<Socket> {
  let before = -1;
  await until('the provider to be paused', async () => {
    const still = socket.bytesWritten === before && socket.writableNeedDrain;
    before = socket.bytesWritten;
    await delay(100);
    return still && socket.bytesWritten === before;
  });
  return socket;
}
