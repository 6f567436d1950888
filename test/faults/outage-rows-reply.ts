import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { chatBody, chatChunk, type Line, startUpstream } from '../support/upstream.ts';
import { impatient, type OutageRow, type Reason } from './outage-row.ts';
import { scripted } from './outage-stage.ts';
import { echo } from './upstream-scene.ts';

const KIB = 1024;

const json = (status: number, body: (line: Line) => unknown) => () => scripted((line) => line.json(status, body(line)));

const errorOf = (code: string) => (line: Line) => ({ error: { code, type: code, message: echo(line) } });

/** A stream that says this instead of beginning to answer. */
const streamOf = (say: (line: Line) => void) => () =>
  scripted((line) => {
    line.startStream();
    say(line);
  });

const bytes = (text: string | Uint8Array) => () => scripted((line) => line.send(text));

/** An answer without an end. */
const pouring = (open: (line: Line) => void, data: string) => () =>
  scripted((line) => {
    open(line);
    void line.pour(data);
  });

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const BODY = JSON.stringify(chatBody('It is not seen.'));
const CHUNK = `10000\r\n${'x'.repeat(64 * KIB)}\r\n`;

const small = { limits: { max_event_bytes: 64 * KIB, max_response_bytes: 128 * KIB } } as const;

/** An answer of status 200 that is not what it should be. */
const broken: readonly OutageRow[] = [
  {
    row: 7,
    what: 'truncated JSON',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: json(200, () => BODY.slice(0, -9)),
    keeps: true,
  },
  { row: 7, what: 'HTML', reason: 'UPSTREAM_BAD_RESPONSE', begin: json(200, () => '<html>Down</html>'), keeps: true },
  {
    row: 7,
    what: 'JSON without an answer',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: json(200, () => ({})),
    keeps: true,
  },
  {
    row: 7,
    what: 'an event of truncated JSON',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: streamOf((line) => line.chunk('data: {"choices":[{"delta":\n\n')),
    hows: ['stream'],
  },
  {
    row: 12,
    what: 'a body without an end',
    reason: 'UPSTREAM_TOO_LARGE',
    begin: pouring((line) => line.send(`${OK}\r\n{"x":"`), 'x'.repeat(64 * KIB)),
    ...small,
  },
  {
    row: 12,
    what: 'an event without an end',
    reason: 'UPSTREAM_TOO_LARGE',
    begin: pouring((line) => {
      line.startStream();
      line.chunk('data: ');
    }, CHUNK),
    hows: ['stream'],
    ...small,
  },
  {
    row: 26,
    what: 'gzip that was not asked for',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: () =>
      scripted((line) => {
        const body = gzipSync(BODY);
        line.send(`${OK}content-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`);
        line.send(body);
      }),
  },
  {
    row: 27,
    what: 'a bomb',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: () => {
      const bomb = gzipSync(Buffer.alloc(16 * KIB * KIB));
      return scripted((line) => {
        line.send(`${OK}content-encoding: gzip\r\n\r\n`);
        void line.pour(bomb);
      });
    },
  },
];

/** What providers call their errors, the status that goes with it, and what it means. */
const errors: readonly (readonly [row: number, status: number, code: string, Reason])[] = [
  [14, 429, 'rate_limit_exceeded', 'UPSTREAM_RATE_LIMITED'],
  [15, 500, 'server_error', 'UPSTREAM_ERROR'],
  [15, 502, 'bad_gateway', 'UPSTREAM_ERROR'],
  [15, 503, 'service_unavailable', 'UPSTREAM_OVERLOADED'],
  [15, 529, 'overloaded_error', 'UPSTREAM_OVERLOADED'],
  [16, 400, 'invalid_request_error', 'UPSTREAM_REJECTED'],
  [16, 400, 'context_length_exceeded', 'CONTEXT_LENGTH_EXCEEDED'],
  [16, 404, 'model_not_found', 'UPSTREAM_NOT_FOUND'],
  [16, 413, 'request_too_large', 'REQUEST_TOO_LARGE'],
  [16, 422, 'unprocessable_entity', 'UPSTREAM_REJECTED'],
  [17, 401, 'invalid_api_key', 'UPSTREAM_AUTH'],
  [17, 403, 'permission_denied', 'UPSTREAM_AUTH'],
  [18, 402, 'payment_required', 'UPSTREAM_BILLING'],
  [18, 429, 'insufficient_quota', 'UPSTREAM_BILLING'],
];

const refused: readonly OutageRow[] = errors.map(([row, status, code, reason]) => ({
  row,
  what: `a ${status} (${code})`,
  reason,
  begin: json(status, errorOf(code)),
  keeps: true,
}));

/** Those of them that providers also say in an answer of status 200. */
const inAnswers: readonly OutageRow[] = errors
  .filter(([, , code]) => /_limit|_quota|api_key|server_error|overloaded|invalid_request|context_length/.test(code))
  .flatMap(([, , code, reason]): OutageRow[] => [
    { row: 13, what: `${code} in a 200`, reason, begin: json(200, errorOf(code)), keeps: true },
    {
      row: 13,
      what: `${code} as the first event`,
      reason,
      begin: streamOf((line) => {
        line.event(chatChunk({ role: 'assistant', content: '' }));
        line.event(errorOf(code)(line));
      }),
      hows: ['stream'],
    },
  ]);

/** A provider that sends its callers elsewhere. */
async function redirecting(status: number) {
  const elsewhere = await startUpstream((line) => line.json(200, BODY));
  onTestFinished(() => elsewhere.close());
  const location = `${elsewhere.url}/chat/completions`;
  const place = await scripted((line) => line.json(status, {}, { location }));
  return {
    url: place.url,
    get calls() {
      return place.calls;
    },
    get open() {
      return place.open;
    },
    get strays() {
      return elsewhere.accepted;
    },
  };
}

const odd: readonly OutageRow[] = [
  ...[301, 302, 307, 308].map(
    (status): OutageRow => ({
      row: 19,
      what: `a redirect (${status})`,
      reason: 'UPSTREAM_BAD_RESPONSE',
      begin: () => redirecting(status),
      keeps: true,
    }),
  ),
  {
    row: 20,
    what: 'a 101 that was not asked for',
    reason: 'UPSTREAM_INCOMPLETE',
    begin: bytes('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  },
  {
    row: 20,
    what: 'early hints without an end',
    reason: 'UPSTREAM_TIMEOUT',
    begin: () =>
      scripted((line) => {
        const timer = setInterval(() => line.send('HTTP/1.1 103 Early Hints\r\n\r\n'), 10);
        void line.closed.then(() => clearInterval(timer));
      }),
    ...impatient,
  },
  { row: 21, what: 'HTTP/0.9', reason: 'UPSTREAM_BAD_RESPONSE', begin: bytes('<html>hello</html>') },
  {
    row: 21,
    what: 'headers of 20 KiB',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: bytes(`${OK}x: ${'a'.repeat(20_000)}\r\n\r\n${BODY}`),
  },
  {
    row: 21,
    what: 'a chunk size that is no number',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: bytes(`${OK}transfer-encoding: chunked\r\n\r\nxyz\r\n${BODY}\r\n0\r\n\r\n`),
  },
  {
    row: 21,
    what: 'chunks and a length',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: bytes(`${OK}transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n`),
  },
  {
    row: 21,
    what: 'a folded header',
    reason: 'UPSTREAM_BAD_RESPONSE',
    begin: bytes(`${OK}x-folded: a\r\n  b\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`),
  },
  {
    row: 21,
    what: 'two lengths',
    reason: 'UPSTREAM_INCOMPLETE',
    begin: bytes(`${OK}content-length: ${BODY.length}\r\ncontent-length: 5\r\n\r\n${BODY}`),
  },
];

/** A provider whose answer is at fault. */
export const replyRows: readonly OutageRow[] = [...broken, ...refused, ...inAnswers, ...odd];
