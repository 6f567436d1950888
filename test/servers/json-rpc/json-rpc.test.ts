import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { providerAt, startGateway, type TestGateway } from '../../support/gateway.ts';
import { jsonOf } from '../../support/json-of.ts';
import { startUpstream } from '../../support/upstream.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' } });
});

afterAll(() => gateway.close());

const rpcAt =
  (of: () => TestGateway) =>
  (body: unknown, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${of().httpPort}/rpc`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });

const rpc = rpcAt(() => gateway);

const hello = { model: 'mock/echo', messages: [{ role: 'ROLE_USER', content: [{ text: 'hello' }] }] };
const request = (fields: object = {}) => ({ jsonrpc: '2.0', id: 1, method: 'llm.complete', params: hello, ...fields });

describe('JSON-RPC', () => {
  it.each(['a', 0, -1.5, null])('answers under the id %j', async (id) => {
    const answer = await jsonOf(await rpc(request({ id })));
    expect(answer).toMatchObject({
      jsonrpc: '2.0',
      id,
      result: { content: [{ text: expect.stringMatching(/hello$/) }], provider: 'mock' },
    });
  });

  it('answers nothing to a notification, and does what it says', async () => {
    const before = (await gateway.metrics()).match(/^llm_requests_total\{[^}]*echo[^}]*\} (\d+)/m)?.[1] ?? '0';
    const { id: _, ...notification } = request();
    const response = await rpc(notification);
    expect([response.status, await response.text()]).toEqual([204, '']);
    const after = (await gateway.metrics()).match(/^llm_requests_total\{[^}]*echo[^}]*\} (\d+)/m)?.[1];
    expect(Number(after)).toBe(Number(before) + 1);
  });

  it('answers a batch, without the notifications in it', async () => {
    const { id: _, ...notification } = request();
    const response = await rpc([
      request(),
      notification,
      request({ id: 2, method: 'llm.nothing' }),
      5,
      request({ id: 3, params: [] }),
    ]);
    const answers = await jsonOf(response);
    expect(answers).toMatchObject([
      { id: 1, result: { provider: 'mock' } },
      { id: 2, error: { code: -32601 } },
      { id: null, error: { code: -32600 } },
      { id: 3, error: { code: -32602 } },
    ]);
    expect(answers).toHaveLength(4);
    expect((await rpc([notification, notification])).status).toBe(204);
  });

  it.each<[string, unknown, number, unknown]>([
    ['no JSON', '{"jsonrpc":', -32700, null],
    ['an empty batch', [], -32600, null],
    ['a batch that is too large', Array.from({ length: 51 }, () => request()), -32600, null],
    ['another version', request({ jsonrpc: '1.0' }), -32600, 1],
    ['no method', request({ method: undefined }), -32600, 1],
    ['an id that is none', request({ id: {} }), -32600, null],
    ['an unknown method', request({ method: 'constructor' }), -32601, 1],
    ['params that are none', request({ params: 'x' }), -32602, 1],
    ['params that do not fit', request({ params: { messages: 5 } }), -32602, 1],
    ['params that break a rule', request({ params: { ...hello, temperature: 9 } }), -32602, 1],
    ['a model that is not there', request({ params: { ...hello, model: 'gpt-99' } }), -32000, 1],
  ])('tells what is wrong with %s', async (_, body, code, id) => {
    const response = await rpc(body);
    expect(response.status).toBe(200);
    expect(await jsonOf(response)).toMatchObject({
      jsonrpc: '2.0',
      id,
      error: { code, message: expect.stringMatching(/./) },
    });
  });

  it('tells of a failure what a gRPC caller is told', async () => {
    const params = { ...hello, providerOptions: { mock: { fault: 'upstream_rejected' } } };
    const { error } = await jsonOf(await rpc(request({ params })));
    expect(error.data).toMatchObject({
      reason: 'UPSTREAM_REJECTED',
      grpcCode: 3,
      metadata: { provider: 'mock', model: 'echo' },
      callFailure: { attempts: [{ provider: 'mock' }] },
    });
  });

  it('has models, health and metrics', async () => {
    const requests = ['models', 'health', 'metrics'].map((name) => ({
      jsonrpc: '2.0',
      id: name,
      method: `llm.${name}`,
    }));
    const results = await jsonOf(await rpc(requests));
    const [models, health, metrics] = results.map(({ result }: { result: unknown }) => result);
    expect(models.models).toContainEqual(expect.objectContaining({ provider: 'mock', id: 'echo' }));
    expect(health).toMatchObject({ status: 'HEALTH_STATUS_SERVING' });
    const ofEcho = metrics.series.find(({ model }: { model: string }) => model === 'echo');
    expect(ofEcho).toMatchObject({ provider: 'mock', model: 'echo' });
    expect(ofEcho.counters).toContainEqual({
      name: 'llm_requests_total',
      labels: { status: 'OK' },
      value: expect.any(Number),
    });
  });

  it('takes the ids of a call from its params, then from headers', async () => {
    const headers = { 'x-trace-id': 'of-header', 'x-source-agent': 'planner' };
    const params = { ...hello, context: { traceId: 'of-params' } };
    const response = await rpc(request({ params }), { headers });
    expect((await jsonOf(response)).result.context).toMatchObject({ traceId: 'of-params', sourceAgent: 'planner' });
    expect(response.headers.get('x-trace-id')).toBe('of-params');
  });

  it('takes POST only', async () => {
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/rpc`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('closes the connection to the provider when the caller leaves a batch', async () => {
    const upstream = await startUpstream(() => undefined);
    onTestFinished(() => upstream.close());
    const own = await startGateway({ env: providerAt(upstream.url) });
    onTestFinished(() => own.close());
    const leaving = new AbortController();
    const params = { messages: hello.messages };
    const pending = rpcAt(() => own)([request({ params }), request({ id: 2, params })], { signal: leaving.signal });
    await vi.waitFor(() => expect(upstream.received).toHaveLength(2));
    leaving.abort();
    await expect(pending).rejects.toThrow();
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });
});
