import { describe, expect, it } from 'vitest';
import { chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery, type Failure } from './upstream-checks.ts';
import { echo, HOWS, PARTIAL, setScene } from './upstream-scene.ts';

type Reason = Failure['reason'];

/** Errors as providers say them, the status they come with when they are not in a 200, and what they mean. */
const errors: readonly (readonly [code: string, status: number, Reason])[] = [
  ['rate_limit_exceeded', 429, 'UPSTREAM_RATE_LIMITED'],
  ['insufficient_quota', 429, 'UPSTREAM_BILLING'],
  ['invalid_api_key', 401, 'UPSTREAM_AUTH'],
  ['server_error', 500, 'UPSTREAM_ERROR'],
  ['overloaded_error', 503, 'UPSTREAM_OVERLOADED'],
  ['invalid_request_error', 400, 'UPSTREAM_REJECTED'],
  ['context_length_exceeded', 400, 'CONTEXT_LENGTH_EXCEEDED'],
];

/** A provider that repeats the caller's words, and the key it was called with, in every error. */
const errorOf = (code: string, line: Line) => ({ error: { code, message: echo(line) } });

describe('an error inside an answer of status 200', () => {
  it.each(errors)('row 13: %s means the same as with its own status %i', async (code, status, reason) => {
    const scene = await setScene((line, n) => line.json(n % 2 === 0 ? status : 200, errorOf(code, line)));
    for (const how of HOWS) {
      const own = { upstream_status: String(status), upstream_code: code };
      await expectFailure(scene, how, { reason, metadata: own, open: 1 });
      await expectFailure(scene, how, { reason, metadata: { upstream_code: code }, open: 1 });
    }
  });

  it.each(errors)('row 13: %s as the first event of a stream leaves no content behind', async (code, _, reason) => {
    const scene = await setScene((line) => {
      line.startStream();
      line.chunk(': processing\n\n');
      line.event({ ...chatChunk({ role: 'assistant', content: '' }) });
      line.event(errorOf(code, line));
    });
    await expectFailure(scene, 'stream', { reason, metadata: { upstream_code: code } });
    await expectRecovery(scene, 'stream');
  });

  it.each(errors)('row 13: %s after content ends the stream, and what had come is billed', async (code, _, reason) => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.event(errorOf(code, line));
      line.text('and more');
      line.finish();
    });
    await expectFailure(scene, 'stream', { reason, metadata: { upstream_code: code }, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  const shapes: readonly (readonly [string, (line: Line) => string, Reason, Record<string, string>])[] = [
    ['a text', (line) => `data: ${JSON.stringify({ error: echo(line) })}\n\n`, 'UPSTREAM_ERROR', {}],
    [
      'a status as a number',
      (line) => `data: ${JSON.stringify({ error: { code: 429, message: echo(line) } })}\n\n`,
      'UPSTREAM_RATE_LIMITED',
      { upstream_status: '429' },
    ],
    [
      'an event of that name',
      (line) => `event: error\ndata: ${JSON.stringify({ message: echo(line) })}\n\n`,
      'UPSTREAM_ERROR',
      {},
    ],
    [
      'a choice with an error in it',
      (line) =>
        `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, error: { code: 502, message: echo(line) } }] })}\n\n`,
      'UPSTREAM_ERROR',
      { upstream_status: '502' },
    ],
    [
      'an object that says it is one',
      (line) => `data: ${JSON.stringify({ object: 'error', code: 400, message: echo(line) })}\n\n`,
      'UPSTREAM_REJECTED',
      { upstream_status: '400' },
    ],
    [
      'one with a finish reason beside it',
      (line) => `data: ${JSON.stringify({ ...chatChunk({}, 'error'), error: { code: 503, message: echo(line) } })}\n\n`,
      'UPSTREAM_OVERLOADED',
      { upstream_status: '503' },
    ],
  ];

  it.each(shapes)('row 13: said as %s', async (_, event, reason, metadata) => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.chunk(event(line));
      line.finish();
    });
    await expectFailure(scene, 'stream', { reason, metadata, text: PARTIAL });
  });

  it('row 13: its own code is passed on only if it is an identifier', async () => {
    const scene = await setScene((line) => line.json(200, errorOf(echo(line), line)));
    for (const how of HOWS) await expectFailure(scene, how, { reason: 'UPSTREAM_ERROR', open: 1 });
  });

  it('row 13: a key as its code, or as the id of the request, is masked', async () => {
    const scene = await setScene((line) => {
      const key = line.request.headers.authorization?.slice('Bearer '.length) ?? '';
      line.json(200, { error: { code: key } }, { 'x-request-id': key });
    });
    const metadata = { upstream_code: '[redacted]', upstream_request_id: '[redacted]' };
    for (const how of HOWS) await expectFailure(scene, how, { reason: 'UPSTREAM_ERROR', metadata, open: 1 });
  });

  it('row 13: a mild answer is not mistaken for one', async () => {
    const scene = await setScene((line) => {
      line.startStream();
      line.event({ ...chatChunk({ content: 'error: none' }), error: null });
      line.finish();
    });
    expect((await scene.ask('stream')).error).toBeUndefined();
  });
});
