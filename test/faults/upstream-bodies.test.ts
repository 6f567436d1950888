import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { chatBody, chatChunk, type Line } from '../support/upstream.ts';
import { answer, echo, expectFailure, expectRecovery, HOWS, PARTIAL, setScene, textOf } from './upstream-scene.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const tooLarge = { reason: 'UPSTREAM_TOO_LARGE' } as const;
const badResponse = { reason: 'UPSTREAM_BAD_RESPONSE' } as const;

/** More than the buffers of two sockets on loopback hold, besides what the gateway takes. */
const BUFFERS = 32 * MIB;

const bomb = gzipSync(Buffer.alloc(100 * MIB));

/** One HTTP chunk. */
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Pours until the gateway has had enough; gives how much it took. */
function pouring(open: (line: Line) => void, data: string) {
  const bytes = Buffer.from(data);
  const taken = Promise.withResolvers<number>();
  return {
    taken: taken.promise,
    script(line: Line) {
      open(line);
      void line.pour(bytes).then(taken.resolve);
    },
  };
}

describe('an answer without an end', () => {
  const endless: readonly (readonly [string, string])[] = [
    ['one line of data', 'x'.repeat(64 * KIB)],
    ['lines of one event', `data: ${'x'.repeat(KIB)}\n`.repeat(64)],
    ['events names', `event: ${'x'.repeat(KIB)}\n`.repeat(64)],
  ];

  it.each(endless)('row 12: %s', async (_, data) => {
    const { script, taken } = pouring((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.chunk('data: ');
    }, chunk(data));
    const scene = await setScene(script, { limits: { max_event_bytes: 256 * KIB, max_response_bytes: 1024 * MIB } });
    await expectFailure(scene, 'stream', { ...tooLarge, text: PARTIAL });
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, 'stream');
  });

  it('row 12: one comment', async () => {
    const { script, taken } = pouring(
      (line) => {
        line.startStream();
        line.chunk(': ');
      },
      chunk('x'.repeat(64 * KIB)),
    );
    const scene = await setScene(script, { limits: { max_event_bytes: 256 * KIB, max_response_bytes: 1024 * MIB } });
    await expectFailure(scene, 'stream', tooLarge);
    expect(await taken).toBeLessThan(BUFFERS);
  });

  it.each(HOWS)('row 12: a body, %s', async (how) => {
    const { script, taken } = pouring(
      (line) => line.send('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"x":"'),
      'x'.repeat(64 * KIB),
    );
    const scene = await setScene(script, { limits: { max_response_bytes: MIB } });
    await expectFailure(scene, how, tooLarge);
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, how);
  });

  it('row 12: events, each of which is small', async () => {
    const { script, taken } = pouring(
      (line) => line.startStream(),
      chunk(`data: ${JSON.stringify(chatChunk({ content: '~' }))}\n\n`),
    );
    const scene = await setScene(script, { limits: { max_event_bytes: 64 * KIB, max_response_bytes: 64 * KIB } });
    await expectFailure(scene, 'stream', { ...tooLarge, text: /^~{100,1000}$/ });
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, 'stream');
  });

  it.each(HOWS)('row 12: an error, %s', async (how) => {
    const { script, taken } = pouring(
      (line) => {
        line.send(
          `HTTP/1.1 500 No\r\ncontent-type: application/json\r\n\r\n{"error":{"message":${JSON.stringify(echo(line))}`,
        );
      },
      'x'.repeat(64 * KIB),
    );
    const scene = await setScene(script);
    await expectFailure(scene, how, { reason: 'UPSTREAM_ERROR', metadata: { upstream_status: '500' } });
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, how);
  });

  it('row 12: something after [DONE]: the answer is whole, and the connection is closed', async () => {
    const { script, taken } = pouring(
      (line) => {
        line.startStream();
        line.text('South.');
        line.event(chatChunk({}, 'stop'));
        line.chunk('data: [DONE]\n\n');
      },
      chunk('x'.repeat(64 * KIB)),
    );
    const scene = await setScene(script);
    const { messages, error } = await scene.ask('stream');
    expect(error).toBeUndefined();
    expect(textOf(messages)).toBe('South.');
    expect(await taken).toBeLessThan(BUFFERS);
    await vi.waitFor(() => expect(scene.upstream.open).toBe(0));
    await expectRecovery(scene, 'stream');
  });

  it('row 12: one as large as is allowed is taken whole', async () => {
    const text = 'x'.repeat(200 * KIB);
    const scene = await setScene((line) => answer(line, text), {
      limits: { max_event_bytes: 201 * KIB, max_response_bytes: 202 * KIB },
    });
    for (const how of HOWS) {
      const { messages, error } = await scene.ask(how);
      expect(error).toBeUndefined();
      expect(textOf(messages)).toBe(text);
    }
  });
});

const encoders: readonly (readonly [string, (text: string) => Buffer])[] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
  ['identity, gzip', gzipSync],
];

function sendBytes(line: Line, status: number, headers: Record<string, string>, bytes: Buffer): void {
  const head = Object.entries({ ...headers, 'content-length': String(bytes.length) });
  line.send(`HTTP/1.1 ${status} Status\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  line.send(bytes);
}

const json = (encoding: string) => ({ 'content-type': 'application/json', 'content-encoding': encoding });

describe('an answer that is compressed although identity was asked for', () => {
  it.each(encoders)('row 26: %s is refused', async (encoding, encode) => {
    const scene = await setScene((line) =>
      sendBytes(line, 200, json(encoding), encode(JSON.stringify(chatBody(PARTIAL)))),
    );
    for (const how of HOWS) await expectFailure(scene, how, badResponse);
    expect(scene.upstream.received[0]?.headers['accept-encoding']).toBe('identity');
    await expectRecovery(scene, 'unary');
  });

  it('row 26: a compressed stream is refused', async () => {
    const events = `data: ${JSON.stringify(chatChunk({ content: PARTIAL }, 'stop'))}\n\n`;
    const headers = { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' };
    const scene = await setScene((line) => sendBytes(line, 200, headers, gzipSync(events)));
    await expectFailure(scene, 'stream', badResponse);
    await expectRecovery(scene, 'stream');
  });

  it.each([
    [429, 'UPSTREAM_RATE_LIMITED'],
    [401, 'UPSTREAM_AUTH'],
    [503, 'UPSTREAM_OVERLOADED'],
  ] as const)('row 26: an error of status %i that is compressed is still that error', async (status, reason) => {
    const scene = await setScene((line) =>
      sendBytes(line, status, json('gzip'), gzipSync(JSON.stringify({ error: { message: echo(line) } }))),
    );
    const metadata = { upstream_status: String(status) };
    for (const how of HOWS) await expectFailure(scene, how, { reason, metadata, open: 1 });
  });

  it('row 26: one that does not say so is not understood', async () => {
    const bytes = gzipSync(JSON.stringify(chatBody(PARTIAL)));
    const scene = await setScene((line) => sendBytes(line, 200, { 'content-type': 'application/json' }, bytes));
    for (const how of HOWS) await expectFailure(scene, how, { ...badResponse, open: 1 });
  });

  it.each(['identity', 'Identity', ''])('row 26: the encoding "%s" is none', async (encoding) => {
    const body = Buffer.from(JSON.stringify(chatBody('South.')));
    const scene = await setScene((line) => sendBytes(line, 200, json(encoding), body));
    for (const how of HOWS) expect((await scene.ask(how)).error).toBeUndefined();
  });

  it('row 27: a bomb is refused at its headers, and is not read on', async () => {
    const taken = Promise.withResolvers<number>();
    const scene = await setScene((line) => {
      line.send('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n');
      void line.pour(bomb).then(taken.resolve);
    });
    await expectFailure(scene, 'unary', badResponse);
    expect(await taken.promise).toBeLessThan(BUFFERS);
    await expectRecovery(scene, 'unary');
  });

  it('row 27: one that does not say what it is counts as it came', async () => {
    const scene = await setScene((line) => sendBytes(line, 200, { 'content-type': 'application/json' }, bomb), {
      limits: { max_response_bytes: MIB },
    });
    for (const how of HOWS) await expectFailure(scene, how, { ...badResponse, open: 1 });
  });
});
