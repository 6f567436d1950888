import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Inbound } from '../../src/services/service.ts';
import { answer, delta, hang, openDoors, scripted, type TestDoors } from './scripted.ts';

const PATH = '/antiphon.v1.LlmService/Complete';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const ports: Record<string, (doors: TestDoors) => number> = {
  'the gRPC port': ({ grpc }) => grpc.port,
  'the HTTP port': ({ http }) => http.port,
};

async function open(port: string, service = scripted(), config = {}) {
  const doors = await openDoors(service, config);
  const session = connect(`http://127.0.0.1:${ports[port]?.(doors)}`);
  session.on('error', () => undefined);
  closing.push(
    () => doors.close(),
    () => session.destroy(),
  );
  return { doors, session };
}

const frame = (message: Uint8Array, compressed = false): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

interface RawReply {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly resetCode: number;
}

/** A gRPC call by hand, without a timer of its own. */
function raw(
  session: ClientHttp2Session,
  body: Uint8Array | undefined,
  headers: Record<string, string | string[]> = {},
): Promise<RawReply> {
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let answered: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (got) => {
    answered = got;
  });
  stream.on('trailers', (got) => {
    trailers = got;
  });
  stream.on('error', () => undefined);
  stream.resume();
  stream.end(body);
  return new Promise((resolve) =>
    stream.on('close', () => resolve({ headers: answered, trailers, resetCode: stream.rstCode ?? 0 })),
  );
}

/** The status, wherever it came, as "code message". */
function statusOf({ headers, trailers }: RawReply): string {
  const from = 'grpc-status' in trailers ? trailers : headers;
  return `${from['grpc-status']} ${decodeURIComponent(String(from['grpc-message'] ?? ''))}`;
}

const hello = () => toBinary(CompleteRequestSchema, create(CompleteRequestSchema, { model: 'mock/echo' }));
const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024));
const corrupt = () => {
  const bytes = gzipSync(hello());
  bytes.fill(0xff, 10);
  return bytes;
};
/** Field 1 is `model`, a string. */
const notUtf8 = Buffer.from([0x0a, 0x02, 0xc3, 0x28]);
const notProtobuf = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff]);

describe.each(Object.keys(ports))('%s', (port) => {
  test.each([
    ['a good request', frame(hello()), {}, /^0 /],
    ['a compressed one', frame(gzipSync(hello()), true), { 'grpc-encoding': 'gzip' }, /^0 /],
    ['a gzip bomb', frame(zeros, true), { 'grpc-encoding': 'gzip' }, /^8 /],
    ['corrupt gzip', frame(corrupt(), true), { 'grpc-encoding': 'gzip' }, /^(13|3) /],
    ['an unknown encoding', frame(hello(), true), { 'grpc-encoding': 'zstd' }, /^12 /],
    ['text that is not UTF-8', frame(notUtf8), {}, /^13 /],
    ['bytes that are no message', frame(notProtobuf), {}, /^13 /],
    ['no message', undefined, {}, /^12 /],
    ['two messages', Buffer.concat([frame(hello()), frame(hello())]), {}, /^12 /],
    ['an unknown method', frame(hello()), { ':path': '/antiphon.v1.LlmService/Nothing' }, /^(12 |undefined)/],
    ['a timeout that is none', frame(hello()), { 'grpc-timeout': 'soon' }, /^(13|3) /],
    ['60 KB of metadata', frame(hello()), { 'x-big': 'x'.repeat(60_000) }, /^(0 |undefined)/],
  ])('%s', async (name, body, headers, expected) => {
    const { session, doors } = await open(port);
    const reply = await raw(session, body, headers);
    expect(statusOf(reply)).toMatch(expected);
    expect(JSON.stringify(reply)).not.toMatch(/at .*\.js/);
    if (!/^0 /.test(statusOf(reply)) && name !== '60 KB of metadata') expect(doors.tracing.calls).toHaveLength(0);
    const again = connect(`http://127.0.0.1:${ports[port]?.(doors)}`);
    expect(statusOf(await raw(again, frame(hello())))).toMatch(/^0 /);
    again.close();
  });

  test('a header bomb ends that call only', async () => {
    const { session } = await open(port);
    const headers = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`x-h-${i}`, 'v']));
    const { resetCode, headers: answered } = await raw(session, frame(hello()), headers);
    expect(resetCode !== 0 || Number(answered[':status']) !== 200).toBe(true);
    expect(statusOf(await raw(session, frame(hello())))).toMatch(/^0 /);
  });

  test('a deadline that the caller does not watch itself ends the call', async () => {
    let seen: Inbound | undefined;
    const service = scripted({
      complete(_request, inbound) {
        seen = inbound;
        return hang(inbound);
      },
    });
    const { session, doors } = await open(port, service);
    expect(statusOf(await raw(session, frame(hello()), { 'grpc-timeout': '60m' }))).toMatch(/^4 /);
    expect(seen?.signal.reason).toMatchObject({ kind: 'deadline_exceeded' });
    while (doors.activeCalls() > 0) await delay(2);
    expect(doors.tracing.spans).toMatchObject([{ failedAs: 'deadline_exceeded', ended: 1 }]);
  });

  test('a timeout of more than 24 days is refused, not endless', async () => {
    const { session } = await open(port, scripted({ complete: (_request, inbound) => hang(inbound) }));
    expect(statusOf(await raw(session, frame(hello()), { 'grpc-timeout': '600H' }))).toMatch(/^[34] /);
  });

  test('a message that is too large is refused before it is whole', async () => {
    const { session } = await open(port);
    const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' });
    const closed = new Promise((resolve) => stream.on('close', resolve));
    const last = new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on('trailers', resolve);
      stream.on('response', (headers) => 'grpc-status' in headers && resolve(headers));
    });
    stream.on('error', () => undefined);
    stream.resume();
    // Announces 3 MiB, sends two of them, and neither ends nor resets.
    stream.write(frame(new Uint8Array(3 * 1024 * 1024)).subarray(0, 2 * 1024 * 1024));
    expect((await last)['grpc-status']).toBe('8');
    // grpc-js leaves the half that is the caller's to the caller; there is no way to reach it.
    if (port === 'the HTTP port') await closed;
  });

  test('a connection that breaks aborts its calls', async () => {
    let seen: Inbound | undefined;
    const service = scripted({
      complete(_request, inbound) {
        seen = inbound;
        return hang(inbound);
      },
    });
    const { session, doors } = await open(port, service);
    void raw(session, frame(hello()));
    while (doors.activeCalls() === 0) await delay(2);
    session.destroy();
    while (doors.activeCalls() > 0) await delay(2);
    expect(seen?.signal.reason).toMatchObject({ kind: 'cancelled' });
  });

  test('a reader that stalls is not written to without bound', async () => {
    let written = 0;
    let freed = false;
    const service = scripted({
      async streamComplete(_request, { signal }, out) {
        for (; !signal.aborted && written < 5_000; written++) {
          if (!out.write(delta(written, 'x'.repeat(1_000)))) await out.drained();
        }
        freed = true;
      },
    });
    const { session, doors } = await open(port, service);
    const path = '/antiphon.v1.LlmService/StreamComplete';
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.end(frame(hello()));
    stream.on('error', () => undefined);
    await once(stream, 'response');
    let before = -1;
    while (before !== written) {
      before = written;
      await delay(50);
    }
    expect(written).toBeLessThan(500);
    stream.close(constants.NGHTTP2_CANCEL);
    while (doors.activeCalls() > 0) await delay(2);
    expect(freed).toBe(true);
  });

  test('more streams than allowed on a connection are not served at once', async () => {
    const { session } = await open(port, scripted({ complete: async () => answer() }), { maxConcurrentStreams: 7 });
    if (session.remoteSettings.maxConcurrentStreams !== 7) await once(session, 'remoteSettings');
    expect(session.remoteSettings.maxConcurrentStreams).toBe(7);
  });
});
