import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { anonymous } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import { http1Limits, httpDoor } from '../../src/servers/http.ts';
import { listen } from '../../src/servers/listen.ts';
import type { ServersPlan } from '../../src/servers/servers.ts';
import type { DoorSettings } from '../../src/servers/settings.ts';
import type { LlmService } from '../../src/services/service.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { openDoors, scripted, seenTracing, settings } from './scripted.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(
  config: Partial<DoorSettings> = {},
  tools: Partial<ServersPlan> & { clock?: FakeClock } = {},
  service?: LlmService,
) {
  const doors = await openDoors(service, config, tools);
  closing.push(async () => {
    const timer = setInterval(() => tools.clock?.advance(1_000));
    await doors.close();
    clearInterval(timer);
  });
  return { ...doors, url: `http://127.0.0.1:${doors.http.port}`, drain: () => doors.drain() };
}

/** A connection by hand; `text` is all that came. */
async function dial(port: number): Promise<{ socket: Socket; text(): string; closed: Promise<unknown> }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  await once(socket, 'connect');
  closing.push(() => socket.destroy());
  return { socket, text: () => text, closed };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(2);
}

const HEALTH = '/antiphon.v1.LlmService/Health';
const healthRequest = (host: string) =>
  `POST ${HEALTH} HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;

describe('probes', () => {
  test('say alive and ready', async () => {
    const { url } = await open();
    for (const path of ['/healthz', '/readyz?verbose=1']) {
      const reply = await fetch(url + path);
      expect(reply.status).toBe(200);
      expect(reply.headers.get('content-type')).toBe('application/json');
    }
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready' });
  });

  test('HEAD has no body, and POST is refused', async () => {
    const { url } = await open();
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(`${url}/healthz`, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('while draining it is alive, not ready, and says goodbye', async () => {
    const clock = fakeClock();
    const { url, drain } = await open({ drainDelayMs: 5_000 }, { clock });
    const drained = drain();
    const [alive, ready] = [await fetch(`${url}/healthz`), await fetch(`${url}/readyz`)];
    expect([alive.status, ready.status]).toEqual([200, 503]);
    expect(ready.headers.get('connection')).toBe('close');
    expect(await ready.json()).toEqual({ status: 'not ready' });
    clock.advance(5_000);
    await drained;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});

describe('CORS', () => {
  const preflight = (url: string, origin: string) =>
    fetch(url + HEALTH, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  const call = (url: string, origin: string) =>
    fetch(url + HEALTH, { method: 'POST', body: '{}', headers: { origin, 'content-type': 'application/json' } });

  test.each([
    ['a configured origin', ['https://app.example'], 'https://app.example', 'https://app.example'],
    ['any origin', ['*'], 'https://other.example', 'https://other.example'],
    ['another origin', ['https://app.example'], 'https://evil.example', null],
    ['no origin configured', [], 'https://app.example', null],
  ])('%s', async (_name, corsOrigins, origin, allowed) => {
    const { url } = await open({ corsOrigins });
    const asked = await preflight(url, origin);
    expect(asked.headers.get('access-control-allow-origin')).toBe(allowed);
    const answered = await call(url, origin);
    expect(answered.status).toBe(200);
    expect(answered.headers.get('access-control-allow-origin')).toBe(allowed);
    if (allowed === null) return expect(asked.headers.get('access-control-allow-methods')).toBeNull();
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-methods')).toBe('POST, GET');
    expect(asked.headers.get('access-control-allow-headers')).toMatch(
      /Connect-Protocol-Version.*Traceparent.*X-Trace-Id/i,
    );
    expect(answered.headers.get('access-control-expose-headers')).toMatch(/Grpc-Status.*Retry-After.*X-Request-Id/i);
    expect(answered.headers.get('vary')).toBe('Origin');
  });

  test('a failure can be read too', async () => {
    const service = scripted({ health: () => Promise.reject(new Error('no')) });
    const { url } = await open({}, {}, service);
    const answered = await call(url, 'https://app.example');
    expect(answered.status).toBe(500);
    expect(answered.headers.get('access-control-allow-origin')).toBe('https://app.example');
  });
});

test('an unknown path is 404 in JSON, over both versions of HTTP', async () => {
  const { url } = await open();
  const reply = await fetch(`${url}/nothing`, { method: 'POST', body: 'x' });
  expect(reply.status).toBe(404);
  expect(await reply.json()).toMatchObject({ code: 'unimplemented' });
  const session = connectHttp2(url);
  const stream = session.request({ ':path': '/nothing' });
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBe(404);
  session.close();
});

test('further handlers are asked, and one that throws ends its request only', async () => {
  const { url, logged } = await open(
    {},
    {
      handlers: [
        (_request, response, path) => {
          if (path === '/broken') throw new Error('secret');
          if (path !== '/extra') return false;
          response.writeHead(202);
          response.end();
          return true;
        },
      ],
    },
  );
  expect((await fetch(`${url}/extra?x`)).status).toBe(202);
  await expect(fetch(`${url}/broken`)).rejects.toThrow();
  expect(logged).toMatchObject([{ message: 'a request failed', fields: { error: { name: 'Error' } } }]);
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
});

test('JSON that is not UTF-8 is refused, and unknown fields are not', async () => {
  const { url } = await open();
  const post = (body: string | Uint8Array<ArrayBuffer>) =>
    fetch(`${url}/antiphon.v1.LlmService/Complete`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
  const bad = await post(Buffer.from('{"model":"\xc3\x28"}', 'latin1'));
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({ code: 'invalid_argument' });
  expect((await post('{"model":"m","no_such_field":1}')).status).toBe(200);
  expect((await post('{"model":')).status).toBe(400);
});

test('an error message is sound also where the protocol itself refuses', async () => {
  const { url } = await open();
  const session = connectHttp2(url);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/antiphon.v1.LlmService/Complete',
    'content-type': 'application/grpc+json',
  });
  const body = Buffer.from('{"model":{"\\ud800":1}}');
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  stream.end(Buffer.concat([head, body]));
  stream.resume();
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBeOneOf([200, 500]);
  session.close();
});

test.each([
  ['a host that is none', healthRequest('Host: [\r\n'), '400'],
  ['HTTP/1.0 without a host', healthRequest('').replace('1.1', '1.0'), '400'],
  ['HTTP/1.1 without a host', healthRequest(''), '400'],
  ['no HTTP at all', 'hello\r\n\r\n', '400'],
  ['headers of 64 KiB', healthRequest(`Host: x\r\nX-Big: ${'x'.repeat(65_536)}\r\n`), '431'],
  ['a good one', healthRequest('Host: x\r\n'), '200'],
])('%s is answered over HTTP/1.1', async (_name, request, status) => {
  const { http, url } = await open();
  const { socket, text } = await dial(http.port);
  socket.write(request);
  await until(() => text().includes('\r\n\r\n'));
  expect(text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

describe('the first bytes decide', () => {
  test('also when they come one at a time', async () => {
    const { http } = await open();
    const { socket, text } = await dial(http.port);
    socket.setNoDelay();
    for (const byte of healthRequest('Host: x\r\n')) {
      socket.write(byte);
      await delay(1);
    }
    await until(() => text().includes('1.2.3'));
    expect(text()).toMatch(/^HTTP\/1.1 200 /);
    const h2 = await dial(http.port);
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
      h2.socket.write(byte);
      await delay(1);
    }
    // An empty SETTINGS frame; the answer begins with one too: its type is the fourth byte.
    h2.socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    await until(() => h2.text().length > 9);
    expect(h2.text().charCodeAt(3)).toBe(4);
  });

  test.each([
    ['nothing', ''],
    ['half a word', 'PR'],
  ])('a connection that says %s is closed after ten seconds', async (_name, said) => {
    const clock = fakeClock();
    const { http } = await open({}, { clock });
    const { socket, closed } = await dial(http.port);
    socket.write(said);
    await until(() => clock.pending === 1);
    if (said) await delay(20);
    clock.advance(9_999);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    await closed;
    expect(clock.pending).toBe(0);
  });

  test('a connection that ends before it says anything is let go', async () => {
    const clock = fakeClock();
    const { http } = await open({}, { clock });
    const { socket } = await dial(http.port);
    await until(() => clock.pending === 1);
    socket.end();
    await until(() => clock.pending === 0);
    const reset = await dial(http.port);
    await until(() => clock.pending === 1);
    reset.socket.resetAndDestroy();
    await until(() => clock.pending === 0);
  });
});

test('HTTP/2 ends when its peer hangs up, though HTTP/1.1 may stay half open', async () => {
  const { http } = await open();
  const { socket, text, closed } = await dial(http.port);
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  await until(() => text().length > 9);
  socket.end();
  await closed;
});

test('a caller of HTTP/1.1 that sends on after it was answered is read for five seconds, then cut off', async () => {
  const clock = fakeClock();
  const { http } = await open({}, { clock });
  const { socket, text, closed } = await dial(http.port);
  socket.write(healthRequest('Host: x\r\n').replace(/Content-Length.*/s, 'Transfer-Encoding: chunked\r\n\r\n'));
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  for (let sent = 0; !text().includes('resource_exhausted'); sent++) {
    expect(sent).toBeLessThan(10_000);
    if (!socket.write(chunk)) await once(socket, 'drain');
    else await delay(0);
  }
  expect(text()).toMatch(/^HTTP\/1.1 429 /);
  for (let more = 0; more < 100; more++) if (!socket.write(chunk)) await once(socket, 'drain');
  await until(() => clock.pending > 0);
  clock.advance(5_000);
  await closed;
});

test('headers that never end are cut off also behind the first bytes', async () => {
  const limits = { ...http1Limits, headersTimeout: 50, connectionsCheckingInterval: 20 };
  const tools = {
    access: { authenticate: () => anonymous },
    clock: systemClock,
    tracing: seenTracing(),
    redact: String,
    log: { error: () => undefined },
    newId: String,
  };
  const door = httpDoor(settings, [], tools, () => false, limits);
  const listening = await listen(door.server, { host: '127.0.0.1', port: 0, variable: 'X' });
  closing.push(() => listening.close());
  const { socket, text } = await dial(listening.address.port);
  socket.write(`POST ${HEALTH} HTTP/1.1\r\nHost: x\r\n`);
  await until(() => text().length > 0);
  expect(text()).toMatch(/^HTTP\/1.1 408 /);
});
