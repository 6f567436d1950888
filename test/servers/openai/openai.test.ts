import { once } from 'node:events';
import { connect } from 'node:http2';
import { text as readAll } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { providerAt, startGateway, type TestGateway } from '../../support/gateway.ts';
import { jsonOf } from '../../support/json-of.ts';
import { startUpstream } from '../../support/upstream.ts';

let gateway: TestGateway;
let base: string;

beforeAll(async () => {
  gateway = await startGateway({
    env: { ALLOWED_MODELS: 'mock/echo,mock/a/b' },
    file: 'server: { max_message_bytes: 10000 }\nretry: { base_ms: 1 }',
  });
  base = `http://127.0.0.1:${gateway.httpPort}`;
});

afterAll(() => gateway.close());

const hello = { model: 'mock/echo', messages: [{ role: 'user', content: 'hello' }] };

const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });

const mock = (options: object) => ({ ...hello, antiphon: { provider_options: { mock: options } } });

describe('the door for OpenAI’s clients', () => {
  it.each<[string, string, number, string]>([
    ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['POST', '/v1/models', 405, 'method_not_allowed'],
    ['POST', '/v1/embeddings', 404, 'unknown_url'],
    ['GET', '/v1/', 404, 'unknown_url'],
    ['GET', '/v1/models/none', 404, 'model_not_found'],
    ['GET', '/v1/models/%E0%A4%A', 404, 'model_not_found'],
  ])('%s %s: %i', async (method, path, status, code) => {
    const response = await fetch(base + path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json');
    const { error } = await jsonOf(response);
    expect(error).toMatchObject({ type: 'invalid_request_error', code, message: expect.stringMatching(/./) });
  });

  it.each(['mock/a/b', 'mock%2Fa%2Fb', 'a%2Fb'])('finds the model %s', async (name) => {
    expect(await jsonOf(await fetch(`${base}/v1/models/${name}`))).toMatchObject({ id: 'mock/a/b', owned_by: 'mock' });
  });

  it.each<[string, string | Uint8Array | object, Record<string, string>, number, string]>([
    ['no JSON', '{"model":', {}, 400, 'invalid_request'],
    ['no object', '[]', {}, 400, 'invalid_request'],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), {}, 400, 'invalid_request'],
    ['compressed', gzipSync(JSON.stringify(hello)), { 'content-encoding': 'gzip' }, 400, 'invalid_request'],
    ['too large', { ...hello, user: 'x'.repeat(10_000) }, {}, 413, 'request_too_large'],
    ['a bad timeout', hello, { 'x-antiphon-timeout-ms': 'soon' }, 400, 'invalid_request'],
    ['a field at fault', { ...hello, n: 2 }, {}, 400, 'invalid_request'],
  ])('refuses a body: %s', async (_, body, headers, status, code) => {
    const logged = gateway.lines().length;
    const response = await post(body, headers);
    expect(response.status).toBe(status);
    expect((await jsonOf(response)).error.code).toBe(code);
    expect(response.headers.get('x-should-retry')).toBe('false');
    const id = response.headers.get('x-request-id');
    const lines = gateway.lines().slice(logged);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: 'call', request_id: id, error_reason: code.toUpperCase() }),
    );
  });

  it('says what OpenAI has no field for', async () => {
    const response = await post(mock({ reply: 'yes' }), { 'x-source-agent': 'planner', 'x-session-id': 's-1' });
    const { antiphon, id } = await jsonOf(response);
    expect(antiphon).toMatchObject({
      provider: 'mock',
      model: 'echo',
      finish_reason: 'stop',
      attempts: 1,
      cost_status: 'priced',
      cost_nano_usd: 0,
      warnings: [{ code: 'mocked', message: expect.stringMatching(/mock/) }],
    });
    expect(id).toBe(`chatcmpl-${response.headers.get('x-request-id')}`);
    expect(response.headers.get('x-source-agent')).toBe('planner');
    expect(response.headers.get('x-session-id')).toBe('s-1');
  });

  it('says it in the last chunk of a stream, too', async () => {
    const text = await (await post({ ...hello, stream: true, logprobs: true })).text();
    const chunks = text
      .split('\n\n')
      .filter((event) => event.startsWith('data: {'))
      .map((event) => JSON.parse(event.slice(6)));
    expect(chunks.filter((chunk) => 'antiphon' in chunk)).toHaveLength(1);
    expect(chunks.at(-1)).toMatchObject({
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      antiphon: { provider: 'mock', warnings: [{ code: 'dropped', field: 'logprobs' }, { code: 'mocked' }] },
    });
    expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: expect.stringMatching(/./) });
    expect(new Set(chunks.map(({ id, model, created }) => `${id} ${model} ${created}`)).size).toBe(1);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('ends a call at the time that the caller gives', async () => {
    const response = await post(mock({ latency_ms: 60_000 }), { 'x-antiphon-timeout-ms': '50' });
    expect(response.status).toBe(504);
    expect((await jsonOf(response)).error.code).toBe('deadline_exceeded');
  });

  it('tells clients to come back only if the gateway itself had no room', async () => {
    const upstream = await startUpstream(() => undefined);
    onTestFinished(() => upstream.close());
    const env = providerAt(upstream.url);
    const own = await startGateway({ env, file: 'concurrency: { max: 1, max_queued: 0 }' });
    onTestFinished(() => own.close());
    const url = `http://127.0.0.1:${own.httpPort}/v1/chat/completions`;
    const body = JSON.stringify({ messages: hello.messages });
    const leaving = new AbortController();
    const first = fetch(url, { method: 'POST', body, signal: leaving.signal }).catch(() => undefined);
    await vi.waitFor(() => expect(upstream.received).toHaveLength(1));
    const second = await fetch(url, { method: 'POST', body });
    expect([second.status, second.headers.get('x-should-retry')]).toEqual([429, 'true']);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    leaving.abort();
    await first;
  });
});

describe('over cleartext HTTP/2', () => {
  it('answers, and streams', async () => {
    const session = connect(base);
    onTestFinished(() => session.close());
    for (const stream of [false, true]) {
      const request = session.request({ ':method': 'POST', ':path': '/v1/chat/completions' });
      request.end(JSON.stringify({ ...hello, stream }));
      const [headers] = await once(request, 'response');
      const text = await readAll(request);
      expect(headers[':status']).toBe(200);
      expect(text).toContain(stream ? 'data: [DONE]' : 'You said: hello"');
    }
  });

  it('outlives an upload that is refused, or broken off', async () => {
    const session = connect(base);
    onTestFinished(() => session.close());
    for (const size of [20_000, 100]) {
      const request = session.request({ ':method': 'POST', ':path': '/v1/chat/completions' });
      request.on('error', () => undefined);
      const closed = once(request.resume(), 'close');
      request.write('x'.repeat(size));
      await new Promise((resolve) => setTimeout(resolve, 50));
      request.close(8);
      await closed;
    }
    expect((await post(hello)).status).toBe(200);
  });

  it('a stream that is reset closes the connection to the provider', async () => {
    const upstream = await startUpstream((line) => {
      line.startStream();
      line.text('one ');
    });
    onTestFinished(() => upstream.close());
    const own = await startGateway({ env: providerAt(upstream.url) });
    onTestFinished(() => own.close());
    const session = connect(`http://127.0.0.1:${own.httpPort}`);
    onTestFinished(() => session.close());
    const request = session.request({ ':method': 'POST', ':path': '/v1/chat/completions' });
    request.on('error', () => undefined);
    request.end(JSON.stringify({ messages: hello.messages, stream: true }));
    await once(request, 'data');
    request.close();
    await vi.waitFor(() => expect(upstream.open).toBe(0));
    await vi.waitFor(() => expect(own.lines().at(-1)).toMatchObject({ msg: 'call', error_reason: 'CANCELLED' }));
    expect(own.lines().filter(({ level }) => level === 'error')).toEqual([]);
  });
});
