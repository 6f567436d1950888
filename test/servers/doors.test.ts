import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import { AttemptSchema, CallFailureSchema, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { GatewayError } from '../../src/core/errors.ts';
import type { DoorSettings } from '../../src/servers/settings.ts';
import type { Inbound, LlmService as Service } from '../../src/services/service.ts';
import { connectClient, type DoorClient, grpcClient } from '../support/doors.ts';
import {
  aborted,
  answer,
  completed,
  delta,
  hang,
  openDoors,
  SECRET,
  scripted,
  start,
  type TestDoors,
} from './scripted.ts';

const { complete, streamComplete, listModels, health } = LlmService.method;

/** Every way to call that the two ports offer. */
const ways: Record<string, (doors: TestDoors) => DoorClient> = {
  gRPC: ({ grpc }) => grpcClient(grpc.port),
  'gRPC on the HTTP port': ({ http }) => connectClient(http.port, { protocol: 'grpc' }),
  'Connect, binary': ({ http }) => connectClient(http.port),
  'Connect, JSON': ({ http }) => connectClient(http.port, { binary: false }),
  'Connect over HTTP/2': ({ http }) => connectClient(http.port, { httpVersion: '2' }),
  'gRPC-Web': ({ http }) => connectClient(http.port, { protocol: 'grpc-web' }),
  'gRPC-Web, JSON': ({ http }) => connectClient(http.port, { protocol: 'grpc-web', binary: false }),
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(way: string, service?: Partial<Service>, config?: Partial<DoorSettings>) {
  const doors = await openDoors(scripted(service), config);
  const client = ways[way]?.(doors);
  if (!client) throw new Error(way);
  closing.push(
    () => doors.close(),
    () => client.close(),
  );
  return { doors, client };
}

/** Waits for something that other parties bring about. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(2);
}

describe.each(Object.keys(ways))('%s', (way) => {
  test('unary calls are answered', async () => {
    const { client } = await open(way);
    expect(await client.unary(complete, { model: 'mock/echo' })).toMatchObject({
      error: undefined,
      messages: [answer()],
    });
    expect((await client.unary(listModels, {})).messages).toMatchObject([{ models: [{ id: 'echo' }] }]);
    expect((await client.unary(health, {})).messages).toMatchObject([{ version: '1.2.3' }]);
  });

  test('a stream arrives whole and in order', async () => {
    const { client } = await open(way);
    const reply = await client.stream(streamComplete, { model: 'mock/echo' });
    expect(reply.error).toBeUndefined();
    expect(reply.messages).toEqual([start(), delta(1, 'hello '), delta(2, 'back'), completed(3)]);
  });

  test('the ids come by field and by header, and go back in headers', async () => {
    let seen: Inbound | undefined;
    const { client, doors } = await open(way, {
      async complete(_request, inbound) {
        seen = inbound;
        return answer();
      },
    });
    const request = { model: 'm', context: { traceId: 'by-field' } };
    const headers = { 'x-trace-id': 'by-header', 'x-source-agent': 'planner', 'x-session-id': 's-1' };
    const ids = { 'x-trace-id': 'by-field', 'x-source-agent': 'planner', 'x-session-id': 's-1' };
    const reply = await client.unary(complete, request, { headers });
    expect(reply.headers).toMatchObject({ ...ids, 'x-request-id': 'call-1' });
    expect(seen).toMatchObject({ id: 'call-1', context: { traceId: 'by-field', sourceAgent: 'planner' } });
    const stream = await client.stream(streamComplete, request, { headers });
    expect(stream.headers).toMatchObject({ ...ids, 'x-request-id': 'call-2' });
    const system = way.startsWith('gRPC') ? 'grpc' : 'connectrpc';
    expect(doors.tracing.calls).toMatchObject([
      { method: 'antiphon.v1.LlmService/Complete', system },
      { method: 'antiphon.v1.LlmService/StreamComplete', system },
    ]);
  });

  const failure = new GatewayError('upstream_rate_limited', 'The provider is busy.', {
    retryAfterMs: 1_500,
    target: { provider: 'openai', model: 'gpt' },
    upstreamStatus: 429,
    violations: [{ field: 'model', description: 'too popular' }],
  });
  const failed = {
    code: 8,
    message: 'The provider is busy.',
    errorInfo: {
      reason: 'UPSTREAM_RATE_LIMITED',
      domain: 'antiphon.v1',
      metadata: { provider: 'openai', model: 'gpt', upstream_status: '429' },
    },
    retryInfo: { retryDelay: { seconds: 1n, nanos: 500_000_000 } },
    badRequest: { fieldViolations: [{ field: 'model', description: 'too popular' }] },
    detailCount: 3,
  };

  test('a failure arrives with its details and the wait', async () => {
    const { client } = await open(way, { complete: () => Promise.reject(failure) });
    const { error } = await client.unary(complete, {});
    const wait = way.startsWith('gRPC') ? { 'grpc-retry-pushback-ms': '1500' } : { 'retry-after': '2' };
    expect(error).toMatchObject({ ...failed, metadata: { ...wait, 'x-request-id': 'call-1' } });
  });

  test('a stream that fails before its first message is a plain failure', async () => {
    const { client } = await open(way, { streamComplete: () => Promise.reject(failure) });
    expect(await client.stream(streamComplete, {})).toMatchObject({ messages: [], error: failed });
  });

  test('a stream that fails later ends with the failure after what was sent', async () => {
    const { client } = await open(way, {
      async streamComplete(_request, _inbound, out) {
        out.write(start());
        out.write(delta(1, 'par'));
        throw failure;
      },
    });
    const reply = await client.stream(streamComplete, {});
    expect(reply).toMatchObject({ messages: [start(), delta(1, 'par')], error: failed });
    expect(reply.headers).toMatchObject({ 'x-request-id': 'call-1' });
  });

  test('what was tried arrives with a failure, also where it fills the room that there is', async () => {
    const usage = create(UsageSchema, { inputTokens: 900n, estimated: true });
    const attempts = Array.from({ length: 8 }, (_, i) =>
      create(AttemptSchema, { provider: 'openai', model: `m${i}`, status: 14, usage, leftBecause: 'word '.repeat(60) }),
    );
    const failure = create(CallFailureSchema, { attempts, usage, selectionReason: 'named' });
    const error = new GatewayError('upstream_timeout', 'It took too long.', { failure });
    const { client } = await open(way, {
      complete: () => Promise.reject(error),
      async streamComplete(_request, _inbound, out) {
        out.write(start());
        throw error;
      },
    });
    const told = [(await client.unary(complete, {})).error, (await client.stream(streamComplete, {})).error];
    for (const one of told) {
      expect(one).toMatchObject({ code: 14, detailCount: 2, callFailure: { usage, selectionReason: 'named' } });
      expect(one?.callFailure?.attempts.at(-1)).toMatchObject({ model: 'm7', usage });
      expect(one?.callFailure?.attempts.length).toBeGreaterThan(3);
    }
  });

  test.each([
    ['a lone surrogate', 'bad \ud800 text', /^bad \ufffd text$/],
    ['200 KB', 'x'.repeat(200_000), /^x{1021}\.\.\.$/],
    ['line ends', 'a\r\ngrpc-status: 0\r\n\r\nb', /^a grpc-status: 0 b$/],
    ['other scripts', 'ошибка 語', /^ошибка 語$/],
    ['a secret', `key ${SECRET}`, /^key \[redacted\]$/],
  ])('a message with %s arrives safely, before and after the first message', async (_name, text, expected) => {
    const { client } = await open(way, {
      complete: () => Promise.reject(new GatewayError('upstream_error', text)),
      async streamComplete(_request, _inbound, out) {
        out.write(start());
        throw new GatewayError('upstream_error', text);
      },
    });
    expect((await client.unary(complete, {})).error).toMatchObject({
      code: 14,
      message: expect.stringMatching(expected),
    });
    const stream = await client.stream(streamComplete, {});
    expect(stream.error).toMatchObject({ code: 14, message: expect.stringMatching(expected) });
    expect(stream.messages).toHaveLength(1);
  });

  test('a defect is internal, and says nothing', async () => {
    const { client, doors } = await open(way, {
      complete: () => Promise.reject(new Error(`boom ${SECRET}`)),
      listModels: () => {
        throw new Error(`boom ${SECRET}`);
      },
      async streamComplete(_request, _inbound, out) {
        out.write(start());
        throw new Error(`boom ${SECRET}`);
      },
    });
    const replies = [
      await client.unary(complete, {}),
      await client.unary(listModels, {}),
      await client.stream(streamComplete, {}),
    ];
    for (const { error } of replies) {
      expect(error).toMatchObject({ code: 13, errorInfo: { reason: 'INTERNAL' } });
      expect(error?.message).toBe('The gateway failed on this call. Report its x-request-id.');
    }
    expect(doors.logged).toHaveLength(3);
    expect(JSON.stringify(doors.logged)).not.toMatch(/boom|canary/);
  });

  test.each(['unary', 'stream'] as const)('cancelling a %s call aborts its work', async (kind) => {
    const reasons: unknown[] = [];
    const work = async (inbound: Inbound): Promise<never> => {
      reasons.push(await aborted(inbound.signal));
      throw inbound.signal.reason;
    };
    const { client, doors } = await open(way, {
      complete: (_request, inbound) => work(inbound),
      streamComplete(_request, inbound, out) {
        out.write(start());
        return work(inbound);
      },
    });
    const cancel = new AbortController();
    const method = kind === 'unary' ? complete : streamComplete;
    const call = client[kind](method as typeof complete, {}, { signal: cancel.signal });
    await until(() => doors.activeCalls() === 1);
    await delay(20);
    cancel.abort();
    expect((await call).error).toMatchObject({ code: 1 });
    await until(() => doors.activeCalls() === 0);
    expect(reasons).toMatchObject([{ kind: 'cancelled' }]);
    expect(doors.tracing.spans).toMatchObject([
      { ended: 1, failedAs: undefined, attributes: { 'rpc.status_code': 'CANCELLED' } },
    ]);
  });

  test('the deadline is passed on, and ends the call', async () => {
    let seen: Inbound | undefined;
    const { client, doors } = await open(way, {
      complete(_request, inbound) {
        seen = inbound;
        return hang(inbound);
      },
    });
    const { error } = await client.unary(complete, {}, { timeoutMs: 150 });
    expect(error).toMatchObject({ code: 4 });
    await until(() => doors.activeCalls() === 0);
    // The caller's own timer may run out first; wire.test.ts has one without a timer.
    expect(seen?.signal.reason).toMatchObject({ kind: expect.stringMatching(/^(deadline_exceeded|cancelled)$/) });
    expect((seen?.deadlineMs ?? 0) - (seen?.receivedMs ?? 0)).toSatisfy((ms: number) => ms > 50 && ms <= 151);
  });

  test('without a deadline none is passed on', async () => {
    let seen: Inbound | undefined;
    const { client } = await open(way, {
      async complete(_request, inbound) {
        seen = inbound;
        return answer();
      },
    });
    await client.unary(complete, {});
    expect(seen).toMatchObject({ deadlineMs: undefined });
    expect(seen?.signal.aborted).toBe(false);
  });

  test('a request over the limit is refused, and the port goes on serving', async () => {
    const { client, doors } = await open(way);
    const { error } = await client.unary(complete, { model: 'x'.repeat(2 * 1024 * 1024) });
    expect(error).toMatchObject({ code: 8 });
    expect(doors.tracing.calls).toHaveLength(0);
    expect((await client.unary(health, {})).error).toBeUndefined();
  });

  test('a reader that is slow stops the writer, and loses nothing', async () => {
    const text = 'x'.repeat(64 * 1024);
    const total = 400;
    let written = 0;
    let full = 0;
    const { client } = await open(way, {
      async streamComplete(_request, _inbound, out) {
        for (; written < total; written++) {
          if (out.write(delta(written, text))) continue;
          full++;
          await out.drained();
        }
      },
    });
    let seenFirst = 0;
    const reply = await client.stream(
      streamComplete,
      {},
      {
        onMessage() {
          if (seenFirst++ > 0) return;
          // Blocks this thread's turn of the event loop only; what was written until then is what the buffers took.
          expect(written).toBeLessThan(total);
        },
      },
    );
    expect(reply.error).toBeUndefined();
    expect(reply.messages.map(({ sequence }) => Number(sequence))).toEqual(Array.from({ length: total }, (_, i) => i));
    expect(full).toBeGreaterThan(5);
  });

  test('draining ends what does not end by itself with UNAVAILABLE', async () => {
    const { client, doors } = await open(
      way,
      {
        complete: (_request, inbound) => hang(inbound),
        streamComplete(_request, inbound, out) {
          out.write(start());
          return hang(inbound);
        },
      },
      { drainGraceMs: 50 },
    );
    const calls = [client.unary(complete, {}), client.stream(streamComplete, {})];
    await until(() => doors.activeCalls() === 2);
    await delay(20);
    await doors.drain();
    for (const { error } of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 14, errorInfo: { reason: 'SHUTTING_DOWN' } });
    }
  });

  test('draining lets a stream end by itself', async () => {
    const finish = Promise.withResolvers<void>();
    const { client, doors } = await open(way, {
      async streamComplete(_request, _inbound, out) {
        out.write(start());
        await finish.promise;
        out.write(completed(1));
      },
    });
    const call = client.stream(streamComplete, {});
    await until(() => doors.activeCalls() === 1);
    const drained = doors.drain();
    await delay(30);
    finish.resolve();
    const reply = await call;
    expect(reply.error).toBeUndefined();
    expect(reply.messages).toEqual([start(), completed(1)]);
    await drained;
    const after = await client.unary(health, {});
    expect(after.error?.code).toBeOneOf([14, 2, 13]);
  });
});

test('what has no side effects answers to GET', async () => {
  const { doors } = await open('Connect, JSON');
  const client = connectClient(doors.http.port, { binary: false, useGet: true });
  expect((await client.unary(health, {})).messages).toMatchObject([{ version: '1.2.3' }]);
  expect((await client.unary(listModels, {})).messages).toMatchObject([{ models: [{ id: 'echo' }] }]);
  const url = `http://127.0.0.1:${doors.http.port}/antiphon.v1.LlmService`;
  const query = '?connect=v1&encoding=json&message=%7B%7D';
  expect((await fetch(`${url}/Health${query}`)).status).toBe(200);
  expect((await fetch(`${url}/Complete${query}`)).status).toBe(405);
});
