import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { DoorSettings } from '../../src/servers/settings.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { openDoors } from './scripted.ts';

async function open(config: Partial<DoorSettings>) {
  const clock = fakeClock();
  const doors = await openDoors(
    undefined,
    { keepaliveTimeMs: 60_000, keepaliveTimeoutMs: 20_000, ...config },
    { clock },
  );
  const close = async () => {
    const timer = setInterval(() => clock.advance(1_000));
    await doors.close();
    clearInterval(timer);
  };
  return { clock, close, port: doors.http.port };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(2);
}

test('a peer that answers pings stays, and is asked again', async () => {
  const { clock, close, port } = await open({});
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  let pings = 0;
  session.on('ping', () => pings++);
  await once(session, 'remoteSettings');
  await until(() => clock.pending === 1);
  for (let round = 1; round <= 3; round++) {
    clock.advance(60_000);
    await until(() => pings === round);
    await delay(20);
  }
  expect(session.destroyed).toBe(false);
  session.destroy();
  await until(() => clock.pending === 0);
  await close();
});

test('a peer that answers none is cut off', async () => {
  const { clock, close, port } = await open({});
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
  socket.resume();
  // A preface and an empty SETTINGS frame, and then silence.
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  await once(socket, 'data');
  clock.advance(60_000);
  await delay(20);
  clock.advance(19_999);
  await delay(20);
  expect(socket.destroyed).toBe(false);
  clock.advance(1);
  await closed;
  await close();
});

test('a connection that has grown old is told to go, and ended after the grace', async () => {
  const { clock, close, port } = await open({ maxConnectionAgeMs: 10_000, maxConnectionAgeGraceMs: 3_000 });
  clock.chances = [0.5];
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const gone = new Promise((resolve) => session.once('goaway', resolve));
  const closed = new Promise((resolve) => session.once('close', resolve));
  // A request that never ends keeps the connection in use.
  const stream = session.request({
    ':method': 'POST',
    ':path': '/antiphon.v1.LlmService/Complete',
    'content-type': 'application/grpc',
  });
  stream.on('error', () => undefined);
  await once(session, 'remoteSettings');
  await until(() => clock.pending === 2);
  clock.advance(10_000);
  await gone;
  expect(stream.closed).toBe(false);
  clock.advance(3_000);
  await closed;
  await close();
});
