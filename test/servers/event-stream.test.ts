import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { EventStream } from '../../src/servers/event-stream.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** A stream to somebody who reads it, or leaves. */
async function opened() {
  const clock = fakeClock();
  const responses: ServerResponse[] = [];
  const server = createServer((_, response) => void responses.push(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const leaving = new AbortController();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const asked = fetch(url, { signal: leaving.signal });
  asked.catch(() => undefined);
  await once(server, 'request');
  const [response] = responses;
  if (!response) throw new Error('nobody asked');
  return { clock, response, asked, leaving, events: new EventStream(response, clock, { 'x-request-id': 'r' }) };
}

it('sends its head with the first event, and nothing before', async () => {
  const { events, asked, clock } = await opened();
  expect(events.hasBegun).toBe(false);
  events.write('data: 1\n\n');
  expect(events.hasBegun).toBe(true);
  events.end('data: 2\n\n');
  const { status, headers, ...response } = await asked.then(async (got) => ({
    status: got.status,
    headers: got.headers,
    text: await got.text(),
  }));
  expect([status, response.text]).toEqual([200, 'data: 1\n\ndata: 2\n\n']);
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
    'x-request-id': 'r',
  });
  expect(clock.pending).toBe(0);
});

it('says that it is alive when nothing was said for a while, and only then', async () => {
  const { events, asked, clock } = await opened();
  clock.advance(14_999);
  expect(events.hasBegun).toBe(false);
  clock.advance(1);
  expect(events.hasBegun).toBe(true);
  events.write('data: 1\n\n');
  clock.advance(15_000);
  clock.advance(15_000);
  events.end();
  expect(await (await asked).text()).toBe(': waiting\n\ndata: 1\n\n: waiting\n\n');
  expect(clock.pending).toBe(0);
});

it('tells when there is no room, and when there is again', async () => {
  const { events, asked } = await opened();
  let pieces = 0;
  while (events.write('x'.repeat(100_000))) pieces++;
  expect(pieces).toBeLessThan(1_000);
  let isRoom = false;
  const drained = events.drained().then(() => {
    isRoom = true;
  });
  expect(isRoom).toBe(false);
  const text = asked.then((response) => response.text());
  await drained;
  events.end();
  expect((await text).length).toBe((pieces + 1) * 100_000);
  expect(await events.drained()).toBeUndefined();
});

it('swallows what is said to somebody who has gone', async () => {
  const { events, leaving, response, clock } = await opened();
  while (events.write('x'.repeat(100_000)));
  const drained = events.drained();
  leaving.abort();
  await drained;
  if (!response.destroyed) await once(response, 'close');
  expect(events.write('more')).toBe(true);
  clock.advance(60_000);
  events.end('end');
  expect(clock.pending).toBe(0);
});

it('leaves no timer when it is answered by other means', async () => {
  const { events, response, clock, asked } = await opened();
  events.release();
  response.writeHead(503).end();
  expect((await asked).status).toBe(503);
  expect(clock.pending).toBe(0);
});
