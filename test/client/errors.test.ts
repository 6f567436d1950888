import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { CompleteInit } from '../../src/client/call-context.ts';
import { type CallOptions, createClient } from '../../src/client/client.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { all, clientOf, errorOf, hello, mocked, stageOf } from './stage.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' }, file: 'retry: { base_ms: 1 }' });
});

afterAll(() => gateway.close());

/** Both ways to ask. */
const ways = {
  complete: (client: ReturnType<typeof clientOf>, request: CompleteInit, options?: CallOptions) =>
    client.complete(request, options),
  stream: (client: ReturnType<typeof clientOf>, request: CompleteInit, options?: CallOptions) =>
    client.stream(request, options).final(),
};

describe.each(Object.entries(ways))('%s fails with', (_, ask) => {
  it('the fields at fault', async () => {
    const error = await errorOf(ask(clientOf(gateway), { ...hello, temperature: 9, topK: 0 }));
    expect(error).toMatchObject({ name: 'AntiphonError', code: 'invalid_argument', reason: 'INVALID_REQUEST' });
    expect(error.fieldViolations.map(({ field }) => field)).toEqual(['temperature', 'top_k']);
    expect(error.fieldViolations[0]?.description).toMatch(/./);
    expect(error.message).toMatch(/^The request is not valid/);
    expect(error.callFailure).toBeUndefined();
    const line = gateway.lines().findLast(({ error_reason }) => error_reason === 'INVALID_REQUEST');
    expect(error.requestId).toBe(line?.request_id);
    expect(error.cause).toBeInstanceOf(ConnectError);
  });

  it.each([
    ['a model that is not known', 'gpt-99', 'not_found', 'MODEL_NOT_FOUND'],
    ['a model that is not allowed', 'mock/other', 'permission_denied', 'MODEL_NOT_ALLOWED'],
    ['a provider that is off', 'openai/gpt-5', 'failed_precondition', 'PROVIDER_NOT_CONFIGURED'],
  ])('%s', async (_case, model, code, reason) => {
    expect(await errorOf(ask(clientOf(gateway), { ...hello, model }))).toMatchObject({ code, reason });
  });

  it('what was tried', async () => {
    const error = await errorOf(ask(clientOf(gateway), mocked({ fault: 'upstream_overloaded' })));
    expect(error).toMatchObject({ code: 'unavailable', reason: 'UPSTREAM_OVERLOADED' });
    const tried = { provider: 'mock', model: 'echo', errorReason: ErrorReason.UPSTREAM_OVERLOADED };
    expect(error.callFailure?.attempts).toMatchObject([tried, tried, tried, tried]);
  });

  it('who failed, and when to come back', async () => {
    const { client } = await stageOf((line) =>
      line.json(429, { error: { message: 'slow down' } }, { 'retry-after-ms': '1500', 'x-request-id': 'req-7' }),
    );
    const error = await errorOf(ask(client, { ...hello, model: 'test-model' }));
    expect(error).toMatchObject({ code: 'resource_exhausted', reason: 'UPSTREAM_RATE_LIMITED' });
    expect(error.metadata).toMatchObject({
      provider: 'test',
      model: 'test-model',
      upstream_status: '429',
      upstream_request_id: 'req-7',
    });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(error.retryAfterMs).toBeLessThanOrEqual(1_500);
  });

  it('an overloaded gateway, and when to come back', async () => {
    const full = await startGateway({ memory: () => 0.99 });
    onTestFinished(() => full.close());
    const client = clientOf(full);
    await vi.waitFor(async () => {
      const error = await errorOf(ask(client, hello));
      expect(error).toMatchObject({ code: 'resource_exhausted', reason: 'OVERLOADED' });
      expect(error.retryAfterMs).toBeGreaterThanOrEqual(1_000);
      expect(error.retryAfterMs).toBeLessThanOrEqual(3_000);
    });
  });

  it('a gateway that is not there', async () => {
    const gone = await startGateway();
    await gone.close();
    const error = await errorOf(ask(clientOf(gone), hello));
    expect(error).toMatchObject({ code: 'unavailable', reason: undefined, requestId: undefined });
    expect(error.message).toMatch(/^The connection to the gateway failed/);
  });

  it('what is no failure of the call as it is', async () => {
    const given = async (options: CallOptions) => ask(clientOf(gateway), hello, options);
    await expect(given({ headers: { 'no header': 'x' } })).rejects.toThrow(TypeError);
    const why = new Error('no tracer');
    const traceparent = () => {
      throw why;
    };
    await expect(given({ traceparent })).rejects.toBe(why);
  });

  it('something else than a gateway', async () => {
    const { upstream } = await stageOf((line) => line.json(502, { error: 'bad gateway' }));
    const client = createClient({ baseUrl: `http://127.0.0.1:${upstream.port}` });
    expect(await errorOf(ask(client, hello))).toMatchObject({ code: 'unavailable', reason: undefined });
  });

  it('a deadline', async () => {
    for (const [settings, options] of [
      [{ timeoutMs: 50 }, {}],
      [{ timeoutMs: 60_000 }, { timeoutMs: 50 }],
    ]) {
      const error = await errorOf(ask(clientOf(gateway, settings), mocked({ latency_ms: 20_000 }), options));
      expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'DEADLINE_EXCEEDED' });
    }
  });

  it('the reason of its signal', async () => {
    const why = new Error('the page was closed');
    for (const when of ['before', 'during']) {
      const leaving = new AbortController();
      if (when === 'before') leaving.abort(why);
      const failed = errorOf(ask(clientOf(gateway), mocked({ latency_ms: 20_000 }), { signal: leaving.signal }));
      leaving.abort(why);
      expect(await failed).toMatchObject({ code: 'canceled', reason: 'CANCELLED', cause: why });
    }
  });
});

describe('the other methods fail', () => {
  it('in the same way', async () => {
    const client = clientOf(gateway);
    const abilities = Array.from({ length: 17 }, () => 1);
    expect(await errorOf(client.listModels({ abilities }))).toMatchObject({ reason: 'INVALID_REQUEST' });
    expect(await errorOf(client.health({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'canceled' });
  });
});

describe('what breaks between the gateway and the client', () => {
  it('is no end of a stream', async () => {
    const proxy = await tcpProxy(gateway.httpPort);
    onTestFinished(() => proxy.close());
    const heard: string[] = [];
    const stream = clientOf({ httpPort: proxy.port }).stream(mocked({ reply: 'one two three', tokens_per_second: 2 }));
    const error = await errorOf(
      (async () => {
        for await (const text of stream.text()) {
          heard.push(text);
          proxy.hangUp();
        }
      })(),
    );
    expect(heard).toEqual(['one']);
    expect(error).toMatchObject({ code: 'unavailable', reason: undefined, requestId: expect.stringMatching(/./) });
    await expect(stream.final()).rejects.toBe(error);
  });

  it('is no end of a stream even if it looks like one', async () => {
    const transport = createRouterTransport(({ service }) => {
      service(LlmService, {
        async *streamComplete() {
          yield { event: { case: 'start' as const, value: { id: 'call-1' } } };
          yield { event: { case: 'textDelta' as const, value: { text: 'one' } } };
        },
      });
    });
    const stream = createClient({ transport }).stream(hello);
    const error = await errorOf(stream.final());
    expect(error).toMatchObject({ code: 'unavailable', requestId: 'call-1' });
    expect(error.message).toBe('The stream ended before the answer was whole.');
  });

  it('takes nothing from an answer that is whole', async () => {
    const transport = createRouterTransport(({ service }) => {
      service(LlmService, {
        async *streamComplete() {
          yield { event: { case: 'completed' as const, value: { id: 'call-1' } } };
          throw new ConnectError('too late', Code.Unavailable);
        },
      });
    });
    const stream = createClient({ transport }).stream(hello);
    expect((await all(stream)).map((event) => event.case)).toEqual(['completed']);
    expect(await stream.final()).toMatchObject({ id: 'call-1' });
  });
});
