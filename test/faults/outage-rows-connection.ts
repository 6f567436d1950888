import dns from 'node:dns';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { onTestFinished, vi } from 'vitest';
import { chatBody, chatChunk, type Line, type Upstream } from '../support/upstream.ts';
import { impatient, type OutageRow } from './outage-row.ts';
import { answerWhole, isStream, type Place, scripted } from './outage-stage.ts';
import { aMoment } from './upstream-scene.ts';

const hang = () => undefined;
const rst = (line: Line) => void line.socket.resetAndDestroy();
const fin = (line: Line) => void line.socket.end();

const BODY = JSON.stringify(chatBody('It is not seen.'));
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n';

/** The beginning of an answer, in the form that was asked for, without any content. */
function begin(line: Line): void {
  if (!isStream(line)) return line.send(`${HEAD}{"id":"x",`);
  line.startStream();
  line.event(chatChunk({ role: 'assistant', content: '' }));
}

function drip(line: Line): void {
  begin(line);
  const timer = setInterval(() => (isStream(line) ? line.chunk(': wait\n\n') : line.send(' ')), 10);
  void line.closed.then(() => clearInterval(timer));
}

/** Something, and after a moment the end of the connection. */
const then = (say: (line: Line) => void, end: (line: Line) => void) => () =>
  scripted(async (line) => {
    say(line);
    await aMoment();
    end(line);
  });

const say = (bytes: string) => (line: Line) => line.send(bytes);

const waits: readonly OutageRow[] = [
  { row: 1, what: 'a hang before the headers', reason: 'UPSTREAM_TIMEOUT', begin: () => scripted(hang), ...impatient },
  {
    row: 1,
    what: 'a hang after the headers',
    reason: 'UPSTREAM_TIMEOUT',
    begin: () => scripted(say(HEAD)),
    ...impatient,
  },
  { row: 2, what: 'a hang in the answer', reason: 'UPSTREAM_TIMEOUT', begin: () => scripted(begin), ...impatient },
  { row: 3, what: 'a slow drip of nothing', reason: 'UPSTREAM_TIMEOUT', begin: () => scripted(drip), ...impatient },
];

const breaks: readonly OutageRow[] = [
  { row: 4, what: 'RST before any byte', reason: 'UPSTREAM_RESET', begin: () => scripted(rst) },
  { row: 4, what: 'RST in the headers', reason: 'UPSTREAM_RESET', begin: then(say('HTTP/1.1 200 OK\r\nx-'), rst) },
  { row: 4, what: 'RST in the answer', reason: 'UPSTREAM_RESET', begin: then(begin, rst) },
  {
    row: 4,
    what: 'RST as soon as it is connected',
    reason: 'UPSTREAM_RESET',
    begin: () => scripted(hang, { onConnection: (socket) => void socket.resetAndDestroy(), count: 'connections' }),
  },
  { row: 5, what: 'FIN before any byte', reason: 'UPSTREAM_INCOMPLETE', begin: () => scripted(fin) },
  { row: 5, what: 'FIN in the headers', reason: 'UPSTREAM_INCOMPLETE', begin: then(say('HTTP/1.1 200 OK\r\nx-'), fin) },
  { row: 5, what: 'FIN in the answer', reason: 'UPSTREAM_INCOMPLETE', begin: then(begin, fin) },
  {
    row: 6,
    what: 'FIN on a body that ends with the connection',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: then(say(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n${BODY.slice(0, -1)}`), fin),
    hows: ['unary'],
  },
  {
    row: 6,
    what: 'FIN on a stream that ends with the connection',
    reason: 'UPSTREAM_INCOMPLETE',
    begin: then(say('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n'), fin),
    hows: ['stream'],
  },
  {
    row: 6,
    what: 'a clean end without an answer',
    reason: 'UPSTREAM_INCOMPLETE',
    begin: () =>
      scripted((line) => {
        begin(line);
        line.endStream();
      }),
    hows: ['stream'],
    keeps: true,
  },
  ...[rst, fin].map(
    (end): OutageRow => ({
      row: 25,
      what: `${end === rst ? 'RST' : 'FIN'} on a kept connection, and on every other`,
      reason: end === rst ? 'UPSTREAM_RESET' : 'UPSTREAM_INCOMPLETE',
      begin: () => scripted((line, n) => (n === 0 ? answerWhole(line) : end(line))),
      afterOther: true,
      extra: 1,
    }),
  ),
];

const pem = (name: string) => readFileSync(join(import.meta.dirname, 'tls', name), 'utf8');

/** Until the end of the test. */
function trust(name: string): void {
  const original = getCACertificates('default');
  setDefaultCACertificates([...original, pem(`${name}.pem`)]);
  onTestFinished(() => setDefaultCACertificates(original));
}

const secure = (certificate: string) =>
  scripted(answerWhole, {
    tls: { key: pem('key.pem'), cert: pem(`${certificate}.pem`) },
    url: https,
    count: 'connections',
  });

const https = ({ port }: Upstream) => `https://127.0.0.1:${port}/v1`;

const tls: readonly OutageRow[] = [
  { row: 22, what: 'a certificate signed by itself', reason: 'UPSTREAM_TLS', begin: () => secure('loopback') },
  ...['elsewhere', 'expired'].map(
    (name): OutageRow => ({
      row: 22,
      what: `a certificate that is of ${name === 'expired' ? 'yesterday' : 'another name'}`,
      reason: 'UPSTREAM_TLS',
      begin() {
        trust(name);
        return secure(name);
      },
    }),
  ),
  {
    row: 22,
    what: 'plain HTTP on the port',
    reason: 'UPSTREAM_TLS',
    begin: () =>
      scripted(hang, {
        url: https,
        onConnection: (socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
        count: 'connections',
      }),
  },
  {
    row: 22,
    what: 'a handshake that hangs',
    reason: 'UPSTREAM_TIMEOUT',
    begin: () => scripted(hang, { url: https, count: 'connections' }),
    ...impatient,
  },
  {
    row: 22,
    what: 'a handshake that is broken off',
    reason: 'UPSTREAM_RESET',
    begin: () =>
      scripted(hang, {
        url: https,
        onConnection: (socket) => socket.on('data', () => socket.destroy()),
        count: 'connections',
      }),
  },
];

/** A place that is looked up by its name, and of which the system says this. Its calls are the questions. */
async function named(answer: (done: (error: Error | null) => void) => void): Promise<Place> {
  const { lookup } = dns;
  let calls = 0;
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: object, done: never) => {
    if (host !== 'localhost') return (lookup as (...all: unknown[]) => void)(host, options, done);
    calls++;
    answer(done);
  }) as never);
  onTestFinished(() => spy.mockRestore());
  return {
    url: 'http://localhost:9/v1',
    get calls() {
      return calls;
    },
    open: 0,
  };
}

const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', stack: '' });

/** A port that was free a moment ago. */
async function refusing(): Promise<Place> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return { url: `http://127.0.0.1:${port}/v1`, calls: undefined, open: 0 };
}

/** A provider that speaks nothing but HTTP/2 over TLS. */
async function onlyHttp2(): Promise<Place> {
  trust('loopback');
  let calls = 0;
  let open = 0;
  const server = createSecureServer({ key: pem('key.pem'), cert: pem('loopback.pem') }, (_, response) =>
    response.end(),
  );
  server.on('connection', (socket) => {
    calls++;
    open++;
    socket.on('close', () => open--);
  });
  server.on('sessionError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get calls() {
      return calls;
    },
    get open() {
      return open;
    },
  };
}

/** The settings frame with which HTTP/2 begins. */
const SETTINGS = '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64';

const unreachable: readonly OutageRow[] = [
  {
    row: 23,
    what: 'a name without an address',
    reason: 'UPSTREAM_UNREACHABLE',
    begin: () => named((done) => done(unknown)),
  },
  {
    row: 23,
    what: 'a name whose address does not come',
    reason: 'UPSTREAM_TIMEOUT',
    begin: () => named(hang),
    ...impatient,
  },
  { row: 24, what: 'a port where nobody listens', reason: 'UPSTREAM_UNREACHABLE', begin: refusing },
  { row: 28, what: 'nothing but HTTP/2', reason: 'UPSTREAM_TLS', begin: onlyHttp2 },
  { row: 28, what: 'HTTP/2 in cleartext', reason: 'UPSTREAM_BAD_RESPONSE', begin: () => scripted(say(SETTINGS)) },
];

/** A provider whose connections are at fault. */
export const connectionRows: readonly OutageRow[] = [...waits, ...breaks, ...tls, ...unreachable];
