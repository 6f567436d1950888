import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { pour } from '../support/pour.ts';
import { scene, until } from '../support/scene.ts';
import type { Line } from '../support/upstream.ts';

const hows = ['unary', 'stream'] as const;

interface Asking {
  readonly port: number;
  readonly isStream: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A caller of OpenAI's interface, of whom the socket is at hand. */
function ask({ port, isStream, headers = {} }: Asking): ClientRequest {
  const asked = request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json', ...headers },
  });
  asked.on('error', () => undefined);
  asked.end(JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], stream: isStream }));
  return asked;
}

/** Begins, if it is to stream, and goes no further. */
const stuck = (isStream: boolean) => (line: Line) => {
  if (!isStream) return;
  line.startStream();
  line.text('It begins, and ');
};

const answered = async (asked: ClientRequest) => (await once(asked, 'response')) as [IncomingMessage];

const leaving: Readonly<Record<string, (asked: ClientRequest) => void>> = {
  'row 29: a caller that leaves': (asked) => asked.destroy(),
  'row 30: a caller whose connection is reset': (asked) => asked.socket?.resetAndDestroy(),
};

test.each(Object.keys(leaving).flatMap((how) => hows.map((call) => [how, call] as const)))(
  '%s takes the provider with it (%s, OpenAI HTTP)',
  async (how, call) => {
    const isStream = call === 'stream';
    const stage = await scene(stuck(isStream));
    const asked = ask({ port: stage.gateway.httpPort, isStream });
    const response = isStream ? answered(asked) : undefined;
    await until('the provider to be asked', () => stage.upstream.received.length === 1);
    await response;
    leaving[how]?.(asked);
    expect(await stage.callLine()).toMatchObject({ status: 'CANCELLED' });
    await stage.quiet();
    expect(stage.upstream.received).toHaveLength(1);
  },
);

test.each(hows)('row 33: a deadline that passes ends the call at the provider (%s, OpenAI HTTP)', async (call) => {
  const isStream = call === 'stream';
  const stage = await scene(stuck(isStream));
  const headers = { 'x-antiphon-timeout-ms': '200' };
  const [response] = await answered(ask({ port: stage.gateway.httpPort, isStream, headers }));
  const body = await readAll(response);
  expect(response.statusCode).toBe(isStream ? 200 : 504);
  expect(body).toContain('"code":"deadline_exceeded"');
  expect(body).not.toContain('[DONE]');
  expect(await stage.callLine()).toMatchObject({ status: 'DEADLINE_EXCEEDED' });
  await stage.quiet();
});

/** What the buffers between two ends may hold. */
const MOST_IN_BETWEEN = 24 * 1024 * 1024;

test('row 36: a stream that nobody reads pauses the provider, and is then cut off (OpenAI HTTP)', async () => {
  let written = () => 0;
  const endless = pour(Number.POSITIVE_INFINITY);
  const stage = await scene(
    (line, n) => {
      written = () => line.socket.bytesWritten;
      return endless(line, n);
    },
    { file: 'timeouts: { stall_ms: 700 }' },
  );
  const [response] = await answered(ask({ port: stage.gateway.httpPort, isStream: true }));
  expect(await stage.callLine()).toMatchObject({ status: 'UNAVAILABLE', error_reason: 'SLOW_CONSUMER' });
  expect(written()).toBeLessThan(MOST_IN_BETWEEN);
  await stage.quiet();
  const body = await readAll(response);
  expect(body).toContain('"code":"slow_consumer"');
  expect(body).not.toContain('[DONE]');
});

test('row 36: a stream that is left unread for a while arrives whole (OpenAI HTTP)', async () => {
  const pieces = 400;
  const stage = await scene(pour(pieces));
  const [response] = await answered(ask({ port: stage.gateway.httpPort, isStream: true }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const events = (await readAll(response)).split('\n\n');
  expect(events.filter((event) => event.includes('"content":"'))).toHaveLength(pieces);
  expect(events.slice(-2)).toEqual(['data: [DONE]', '']);
  expect(await stage.callLine()).toMatchObject({ status: 'OK' });
});
