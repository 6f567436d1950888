import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { digestOf } from '../../src/access/digest.ts';
import { helloRequest } from '../support/calls.ts';
import { grpcClient } from '../support/doors.ts';
import { startGateway } from '../support/gateway.ts';
import { spawnGateway } from '../support/process.ts';
import { rawHttp2 } from '../support/raw-http2.ts';
import { until } from '../support/scene.ts';

const MIB = 1024 * 1024;
const KEY = 'ant_a-key-for-this-test';
const env = { ANTIPHON_API_KEYS: `somebody:sha256:${digestOf(KEY)}` };
const authorization = `Bearer ${KEY}`;
const COMPLETE = '/antiphon.v1.LlmService/Complete';

const paths = [COMPLETE, '/antiphon.v1.LlmService/StreamComplete', '/v1/chat/completions', '/rpc', '/nothing'];

async function gateway() {
  const running = await startGateway({ env });
  onTestFinished(() => running.close());
  return running;
}

async function dial(port: number): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return { socket, text: () => text };
}

const headersOf = (path: string, key: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer ${key}\r\ncontent-length: ${length}\r\n\r\n`;

test.each(paths)('row 57: who has no key is refused before a body has come, at %s', async (path) => {
  const { socket, text } = await dial((await gateway()).httpPort);
  socket.write(headersOf(path, 'not-a-key', 8 * MIB));
  await until('the answer', () => text().includes('\r\n\r\n'));
  const isStream = path.endsWith('StreamComplete');
  expect(text()).toMatch(isStream ? /^HTTP\/1\.1 (?:200|415) / : /^HTTP\/1\.1 401 /);
});

test.each(paths)('row 57: a caller that asks before it sends a body is told to send none, at %s', async (path) => {
  const { httpPort } = await gateway();
  const ask = async (key: string, expectation = '\r\nexpect: 100-continue') => {
    const { socket, text } = await dial(httpPort);
    socket.write(headersOf(path, key, 2).replace('\r\n\r\n', `${expectation}\r\n\r\n${expectation ? '' : '{}'}`));
    await until('the answer', () => text().includes('\r\n\r\n'));
    return { socket, text };
  };
  for (const unasked of [await ask('not-a-key'), await ask(KEY, '')])
    expect(unasked.text()).not.toMatch(/^HTTP\/1\.1 100 /);
  const { socket, text } = await ask(KEY);
  expect(text()).toMatch(/^HTTP\/1\.1 100 /);
  socket.write('{}');
  await until('the answer', () => /\r\nHTTP\/1\.1 [2-5]\d\d /.test(text()));
});

test('row 57: the same on HTTP/2', async () => {
  const client = await rawHttp2((await gateway()).httpPort);
  onTestFinished(() => client.close());
  const ask = async (key: string) => {
    const headers = { expect: '100-continue', authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const stream = client.open({ path: '/v1/chat/completions', headers });
    let isAskedFor = false;
    stream.on('continue', () => {
      isAskedFor = true;
      stream.end('{}');
    });
    const [{ ':status': status }] = await once(stream, 'response');
    stream.close();
    return { status, isAskedFor };
  };
  expect(await ask('not-a-key')).toEqual({ status: 401, isAskedFor: false });
  expect(await ask(KEY)).toEqual({ status: 400, isAskedFor: true });
});

test.each(['grpcPort', 'httpPort'] as const)('row 57: the same on HTTP/2, and the stream ends (%s)', async (port) => {
  const client = await rawHttp2((await gateway())[port]);
  onTestFinished(() => client.close());
  const stream = client.open({ path: COMPLETE, headers: { authorization: 'Bearer not-a-key' } });
  stream.resume();
  const statuses: unknown[] = [];
  for (const event of ['response', 'trailers'] as const)
    stream.on(event, (headers: IncomingHttpHeaders) => statuses.push(headers['grpc-status']));
  await until('the stream to end', () => stream.closed);
  expect(statuses.filter(Boolean)).toEqual(['16']);
  expect([stream.rstCode, client.session.closed]).toEqual([0, false]);
});

test('row 57: a flood of bodies without a key costs no memory, and whoever has one is served', async () => {
  const running = await spawnGateway({ env });
  const client = grpcClient(running.grpcPort);
  onTestFinished(() => client.close());
  const call = () => client.unary(LlmService.method.complete, helloRequest(), { headers: { authorization } });
  expect((await call()).error).toBeUndefined();
  const before = await running.residentBytes();
  const body = Buffer.alloc(MIB, ' ');
  const flood = async (path: string) => {
    const { socket, text } = await dial(running.httpPort);
    socket.write(headersOf(path, 'not-a-key', 12 * MIB));
    for (let i = 0; i < 12 && socket.writable; i++) {
      if (!socket.write(body)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
    await until('the answer', () => text().includes('\r\n\r\n'));
    return text().slice(0, 12);
  };
  const answers = await Promise.all(
    Array.from({ length: 32 }, (_, i) => flood(i % 2 ? COMPLETE : '/v1/chat/completions')),
  );
  expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 401']));
  expect((await call()).error).toBeUndefined();
  // Bodies of 384 MiB have come.
  expect((await running.residentBytes()) - before).toBeLessThan(192 * MIB);
  running.signal('SIGTERM');
  expect(await running.exited).toEqual({ code: 0, signal: null });
}, 60_000);
