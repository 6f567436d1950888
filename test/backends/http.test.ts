import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AttemptSchema, CostSchema, FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { type Connections, connections } from '../../src/backends/http/connections.ts';
import { httpBackend } from '../../src/backends/http.ts';
import type { Call } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Complete } from '../../src/core/complete.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { redactor } from '../../src/core/redact.ts';
import { noSpan } from '../../src/core/span.ts';
import { openai } from '../../src/providers/openai.ts';
import { listSink, testCall } from '../support/calls.ts';
import { chatBody, chatChunk, type Line, type Script, startUpstream, type Upstream } from '../support/upstream.ts';

const KEY = 'sk-test-key-of-the-gateway';

let upstream: Upstream;
let open: Connections;

afterEach(async () => {
  await open.close();
  await upstream.close();
});

async function start(
  script: Script,
  limits: { maxResponseBytes?: number; maxEventBytes?: number } = {},
): Promise<Complete> {
  upstream = await startUpstream(script);
  open = connections(`http://127.0.0.1:${upstream.port}`, { maxConnections: 4, connectMs: 1_000 });
  const provider = openai.create({
    name: 'test',
    baseUrl: new URL(upstream.url),
    headers: { 'x-team': 'a' },
  });
  const bounds = { maxResponseBytes: 1_000_000, maxEventBytes: 100_000, ...limits };
  const price = () => create(CostSchema);
  return httpBackend({
    provider,
    connections: open,
    clock: systemClock,
    redact: redactor([KEY]),
    price,
    ...bounds,
  });
}

const call = (overrides: Partial<Call> = {}): Call =>
  testCall({
    target: { provider: 'test', model: 'gpt-4.1' },
    key: { name: 'k', value: KEY, weight: 1 },
    ...overrides,
  });

const text = (value: string) => [{ part: { case: 'text', value } }];

const events = (line: Line, type: string) => {
  const pieces = [chatChunk({ content: 'hi ' }), chatChunk({ content: 'there' }, 'stop')];
  const body = `${pieces.map((piece) => `data: ${JSON.stringify(piece)}\n\n`).join('')}data: [DONE]\n\n`;
  line.send(`HTTP/1.1 200 OK\r\n${type}content-length: ${body.length}\r\n\r\n${body}`);
};

describe('what goes to the provider', () => {
  it('is signed, asks for no compression, and has nothing of the caller but the request', async () => {
    const complete = await start((line) => line.json(200, chatBody('hi')));
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await complete(call({ span: { ...noSpan, traceparent } }));
    await complete(call({ sink: listSink() }));
    const [unary, stream] = upstream.received;
    expect(unary?.path).toBe('/v1/chat/completions');
    expect(unary?.headers).toEqual({
      host: `127.0.0.1:${upstream.port}`,
      connection: 'keep-alive',
      authorization: `Bearer ${KEY}`,
      'x-client-request-id': 'call-1',
      'x-team': 'a',
      'content-type': 'application/json',
      'content-length': String(unary?.body.length),
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'antiphon',
      traceparent,
    });
    expect(stream?.headers).toMatchObject({ accept: 'text/event-stream' });
    expect(stream?.headers).not.toHaveProperty('traceparent');
  });

  it('needs a target', async () => {
    const complete = await start((line) => line.json(200, chatBody('hi')));
    await expect(complete(call({ target: undefined }))).rejects.toMatchObject({ kind: 'internal' });
    expect(upstream.received).toHaveLength(0);
  });
});

describe('an answer', () => {
  it.each([
    ['a stream that was asked for', 'content-type: text/event-stream; charset=utf-8\r\n', true],
    ['a stream that was not asked for', 'content-type: text/event-stream\r\n', false],
    ['a stream with another label', 'content-type: text/plain\r\n', true],
    ['a stream without a label', '', true],
  ])('may be %s', async (_, type, streams) => {
    const complete = await start((line) => events(line, type));
    const sink = listSink();
    const response = await complete(call(streams ? { sink } : {}));
    expect(response).toMatchObject({ content: text('hi there'), finishReason: FinishReason.STOP });
    expect(sink.deltas).toHaveLength(streams ? 2 : 0);
  });

  it.each([
    ['a body that was asked for', 'application/json', false],
    ['a body instead of a stream', 'application/json; charset=utf-8', true],
    ['a body with another label', 'text/plain', false],
  ])('may be %s', async (_, type, streams) => {
    const complete = await start((line) => line.json(200, chatBody('hi'), { 'content-type': type }));
    const sink = listSink();
    const response = await complete(call(streams ? { sink } : {}));
    expect(response).toMatchObject({ content: text('hi'), usage: { inputTokens: 7n, estimated: false } });
    expect(sink.deltas).toHaveLength(streams ? 1 : 0);
  });

  it.each([
    ['an object', '', { error: { code: 'rate_limit_exceeded', message: 'x' } }, 'upstream_rate_limited'],
    ['a list, which this format has none of', '', [{ error: { code: 503 } }], 'upstream_bad_response'],
    ['after a blank line and a byte order mark', '\ufeff\r\n \t', { error: { code: 503 } }, 'upstream_overloaded'],
    ['what is no answer', '', { a: 1 }, 'upstream_bad_response'],
  ])('labelled as a stream may be bare JSON: %s', async (_, before, body, kind) => {
    const complete = await start((line) => {
      line.startStream();
      if (before !== '') line.chunk(before);
      for (const character of JSON.stringify(body, null, 2)) line.chunk(character);
      line.endStream();
    });
    await expect(complete(call({ sink: listSink() }))).rejects.toMatchObject({ kind });
    await expect(complete(call())).rejects.toMatchObject({ kind });
  });

  it('labelled as a stream may be a whole body', async () => {
    const complete = await start((line) => line.json(200, chatBody('hi'), { 'content-type': 'TEXT/EVENT-STREAM' }));
    expect(await complete(call({ sink: listSink() }))).toMatchObject({ content: text('hi') });
  });

  it('without usage has an estimate, and says so', async () => {
    const complete = await start((line) => line.json(200, { ...chatBody('12345678'), usage: undefined }));
    const one = call();
    expect((await complete(one)).usage).toMatchObject({ inputTokens: 2n, outputTokens: 2n, estimated: true });
    expect(one.trail.warnings.map(({ message }) => message).join()).toMatch(/estimate/);
  });

  it('is not read on while the caller has no room', async () => {
    let sent = 0;
    const complete = await start(
      async (line) => {
        line.startStream();
        line.socket.on('drain', () => more());
        const more = () => {
          while (sent++ < 20_000 && line.socket.writableLength < 65_536) line.text('x'.repeat(1_000));
          if (sent > 20_000) line.finish();
        };
        more();
      },
      { maxResponseBytes: 1_000_000_000 },
    );
    const sink = listSink();
    sink.room = false;
    const abort = new AbortController();
    const result = complete(call({ sink, signal: abort.signal }));
    await vi.waitFor(() => expect(sink.deltas.length).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 250));
    const held = sink.deltas.length;
    expect(held).toBeLessThan(1_000);
    sink.drain();
    await vi.waitFor(() => expect(sink.deltas.length).toBeGreaterThan(held));
    abort.abort('enough');
    await expect(result).rejects.toMatchObject({ kind: 'internal', facts: { cause: 'enough' } });
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });
});

describe("the provider's id of the request", () => {
  const idOf = async (id: string) => {
    const complete = await start((line) => line.json(200, chatBody('hi'), { 'x-request-id': id }));
    const attempt = create(AttemptSchema);
    await complete(call({ attempt }));
    return attempt.upstreamRequestId;
  };

  it('is kept', async () => expect(await idOf('req_123')).toBe('req_123'));

  it.each(['two words', 'é', 'x'.repeat(129), ''])('is none if it is %j', async (id) =>
    expect(await idOf(id)).toBe(''),
  );

  it('is masked if it is a key', async () => expect(await idOf(KEY)).toBe('[redacted]'));

  it('is kept of a failure too', async () => {
    const complete = await start((line) => line.json(500, {}, { 'x-request-id': 'req_500' }));
    const attempt = create(AttemptSchema);
    await expect(complete(call({ attempt }))).rejects.toMatchObject({ facts: { upstreamRequestId: 'req_500' } });
    expect(attempt.upstreamRequestId).toBe('req_500');
  });
});

describe('a failure', () => {
  const detailOf = async (message: string) => {
    const complete = await start((line) => line.json(400, { error: { message } }));
    return complete(call()).catch(({ facts }) => facts.detail);
  };

  it('tells what the provider said', async () => {
    expect(await detailOf('temperature must be at most 2')).toBe('temperature must be at most 2');
  });

  it('does not tell a key', async () => expect(await detailOf(`bad key ${KEY}`)).toBe('bad key [redacted]'));

  it('does not tell one as its code, nor as the id of a request', async () => {
    const complete = await start((line) =>
      line.json(400, { error: { code: KEY, message: 'x' } }, { 'x-request-id': KEY }),
    );
    await expect(complete(call())).rejects.toMatchObject({
      facts: { upstreamCode: '[redacted]', upstreamRequestId: '[redacted]' },
    });
  });

  it('does not tell what the caller wrote', async () => expect(await detailOf('you said: hello')).toBeUndefined());

  it('bills what had come', async () => {
    const complete = await start((line, n) => {
      line.startStream();
      if (n === 0) line.text('12345678');
      line.event({ error: { message: 'x' } });
    });
    const [some, none] = [call({ sink: listSink() }), call({ sink: listSink() })];
    await expect(complete(some)).rejects.toMatchObject({ kind: 'upstream_error' });
    await expect(complete(none)).rejects.toMatchObject({ kind: 'upstream_error' });
    expect(some.trail.partialUsage).toMatchObject({ inputTokens: 2n, outputTokens: 2n, estimated: true });
    expect(none.trail.partialUsage).toBeUndefined();
  });

  it.each<[string, Script, bigint | undefined]>([
    ['before a word of the answer', () => undefined, 0n],
    [
      'in the middle of it',
      (line) => {
        line.startStream();
        line.text('12345678');
      },
      2n,
    ],
    [
      'after it has refused',
      (line) => line.send('HTTP/1.1 400 No\r\ncontent-type: application/json\r\n\r\n{"error":{'),
      undefined,
    ],
  ])('bills what we cut off %s', async (_, script, outputTokens) => {
    const complete = await start(script);
    const leaving = new AbortController();
    const one = call({ sink: listSink(), signal: leaving.signal, attempt: create(AttemptSchema) });
    const ended = complete(one).catch(({ kind }) => kind);
    await vi.waitFor(() => expect(upstream.received).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    leaving.abort(new GatewayError('upstream_timeout', 'It took too long.'));
    expect(await ended).toBe('upstream_timeout');
    const expected = outputTokens === undefined ? undefined : { inputTokens: 2n, outputTokens, estimated: true };
    if (expected) expect(one.trail.partialUsage).toMatchObject(expected);
    else expect(one.trail.partialUsage).toBeUndefined();
    expect(one.attempt?.usage).toEqual(one.trail.partialUsage);
    expect(one.attempt?.cost).toEqual(one.trail.partialCost);
  });

  it('bills nothing that we cut off before there was a connection', async () => {
    const complete = await start(() => undefined);
    const one = call({ signal: AbortSignal.abort(new GatewayError('cancelled', 'The caller has gone.')) });
    await expect(complete(one)).rejects.toMatchObject({ kind: 'cancelled' });
    expect(one.trail.partialUsage).toBeUndefined();
  });

  it('is read no further than it is of use', async () => {
    const complete = await start((line) => {
      line.send('HTTP/1.1 400 No\r\ncontent-type: application/json\r\n\r\n{"error":{"message":"');
      void line.pour('x'.repeat(10_000));
    });
    await expect(complete(call())).rejects.toMatchObject({ kind: 'upstream_rejected' });
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });
});
