import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { chatBody, chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { echo, HOWS, PARTIAL, setScene } from './upstream-scene.ts';

const MIB = 1024 * 1024;

const badResponse = { reason: 'UPSTREAM_BAD_RESPONSE' } as const;

/** 100 MiB, for 100 KiB. */
const bomb = gzipSync(Buffer.alloc(100 * MIB));

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
    expect(await taken.promise).toBeLessThan(32 * MIB);
    await expectRecovery(scene, 'unary');
  });

  it('row 27: one that does not say what it is counts as it came', async () => {
    const scene = await setScene((line) => sendBytes(line, 200, { 'content-type': 'application/json' }, bomb), {
      limits: { max_response_bytes: MIB },
    });
    for (const how of HOWS) await expectFailure(scene, how, { ...badResponse, open: 1 });
  });
});
