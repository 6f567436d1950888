import { expect, onTestFinished, test, vi } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import type { DoorClient, DoorReply } from '../support/doors.ts';
import { otlpReceiver } from '../support/otlp-receiver.ts';
import { pour } from '../support/pour.ts';
import { callLines, type Scene, scene, until, type WayName, wayNames, ways } from '../support/scene.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { chatBody, type Line, type Script } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;
const hello = helloRequest('test-model');

type Kind = 'unary' | 'stream';

const table = wayNames.flatMap((way) => (['unary', 'stream'] as const).map((kind) => ({ way, kind })));

/** A provider that says so much and then nothing: to a stream two words, to a unary call not a byte. */
function stuck(): { script: Script; asked: Promise<Line> } {
  const asked = Promise.withResolvers<Line>();
  const script: Script = (line) => {
    if (line.request.headers.accept === 'text/event-stream') {
      line.startStream();
      line.text('two ');
      line.text('words');
    }
    asked.resolve(line);
  };
  return { script, asked: asked.promise };
}

interface Begun {
  readonly reply: Promise<DoorReply<unknown>>;
  /** Resolves when the call is as far as it will get: asked, and for a stream with its two words at the caller. */
  readonly underWay: Promise<unknown>;
}

function begin(client: DoorClient, kind: Kind, asked: Promise<Line>, signal?: AbortSignal): Begun {
  const options = signal ? { signal } : {};
  if (kind === 'unary') return { reply: client.unary(complete, hello, options), underWay: asked };
  const arrived = Promise.withResolvers<void>();
  let count = 0;
  const onMessage = () => {
    if (++count === 3) arrived.resolve();
  };
  const reply = client.stream(streamComplete, hello, { ...options, onMessage });
  return { reply, underWay: Promise.all([asked, arrived.promise]) };
}

/** The log knows the call as the caller's own doing, and what of it has to be paid for. */
async function expectCancelled({ gateway, upstream, callLine, quiet }: Scene, kind: Kind): Promise<void> {
  const line = await callLine();
  expect(line).toMatchObject({ level: 'info', status: 'CANCELLED', error_reason: 'CANCELLED', attempts: 1 });
  if (kind === 'stream') {
    // "hello", and "two words": at four characters to a token.
    expect(line).toMatchObject({ input_tokens: 2, output_tokens: 3, tokens_estimated: true });
  }
  await quiet();
  expect(upstream.received).toHaveLength(1);
  expect(await gateway.metrics()).toMatch(/llm_requests_total\{[^}]*status="CANCELLED"[^}]*\} 1/);
}

test.each(table)('row 29: a caller that cancels ($kind, $way) takes the provider with it', async ({ way, kind }) => {
  const { script, asked } = stuck();
  const stage = await scene(script);
  const cancel = new AbortController();
  const { reply, underWay } = begin(stage.client(way), kind, asked, cancel.signal);
  await underWay;
  const { closed } = await asked;
  cancel.abort();
  await closed;
  expect((await reply).error).toMatchObject({ code: 1 });
  await expectCancelled(stage, kind);
});

test('row 29: a call that its caller cancels is counted, and not as an error', async () => {
  const { script, asked } = stuck();
  const stage = await scene(script);
  const cancel = new AbortController();
  const { reply } = begin(stage.client('gRPC'), 'unary', asked, cancel.signal);
  await asked;
  cancel.abort();
  await reply;
  await stage.quiet();
  const metrics = await stage.gateway.metrics();
  expect(metrics).toMatch(/llm_requests_total\{[^}]*status="CANCELLED"[^}]*\} 1/);
  expect(metrics.match(/^llm_errors_total\{.*/gm)).toBeNull();
});

async function behindProxy(stage: Scene, way: WayName): Promise<{ proxy: TcpProxy; client: DoorClient }> {
  const proxy = await tcpProxy(ways[way].port(stage.gateway));
  onTestFinished(() => proxy.close());
  return { proxy, client: stage.client(way, proxy.port) };
}

describeBroken('row 30: a caller whose connection is reset', 'reset');
describeBroken('row 30: a caller that hangs up', 'hangUp');

function describeBroken(title: string, how: 'reset' | 'hangUp'): void {
  test.each(table)(`${title} ($kind, $way) takes the provider with it`, async ({ way, kind }) => {
    const { script, asked } = stuck();
    const stage = await scene(script);
    const { proxy, client } = await behindProxy(stage, way);
    const { reply, underWay } = begin(client, kind, asked);
    await underWay;
    const { closed } = await asked;
    proxy[how]();
    await closed;
    expect((await reply).error).toBeDefined();
    await expectCancelled(stage, kind);
  });
}

const IMPATIENT = `
server: { keepalive_time_ms: 1000, keepalive_timeout_ms: 1000 }
timeouts: { stall_ms: 1000 }
`;

test.each(table.filter(({ way }) => way !== 'Connect over HTTP/1.1'))(
  'row 31: a caller that vanishes without a word ($kind, $way) answers no ping, and is given up',
  async ({ way, kind }) => {
    const { script, asked } = stuck();
    const stage = await scene(script, { file: IMPATIENT });
    const { proxy, client } = await behindProxy(stage, way);
    const { underWay } = begin(client, kind, asked);
    await underWay;
    const { closed } = await asked;
    proxy.vanish();
    await closed;
    await expectCancelled(stage, kind);
  },
);

test('row 31: over HTTP/1.1, which has no ping, a caller that vanishes is given up when it leaves the stream unread', async () => {
  const stage = await scene(pour(Number.POSITIVE_INFINITY), { file: IMPATIENT });
  const { proxy, client } = await behindProxy(stage, 'Connect over HTTP/1.1');
  const first = Promise.withResolvers<void>();
  void client.stream(streamComplete, hello, { onMessage: () => first.resolve() });
  await first.promise;
  proxy.vanish();
  expect(await stage.callLine()).toMatchObject({ status: 'UNAVAILABLE', error_reason: 'SLOW_CONSUMER' });
  await stage.quiet();
  expect(stage.upstream.received).toHaveLength(1);
});

test('row 31: over HTTP/1.1 a caller that vanishes from a unary call holds the provider no longer than total_ms', async () => {
  const { script, asked } = stuck();
  const stage = await scene(script, { file: 'timeouts: { total_ms: 500 }' });
  const { proxy, client } = await behindProxy(stage, 'Connect over HTTP/1.1');
  void client.unary(complete, hello);
  const { closed } = await asked;
  proxy.vanish();
  await closed;
  expect(await stage.callLine()).toMatchObject({ error_reason: 'UPSTREAM_TIMEOUT' });
  await stage.quiet();
  expect(stage.upstream.received).toHaveLength(1);
});

test.each(table)('row 32: success ($kind, $way) does not count as cancelled', async ({ way, kind }) => {
  const collector = await otlpReceiver();
  onTestFinished(() => collector.close());
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20');
  onTestFinished(() => void vi.unstubAllEnvs());
  const provider: Script = (line) => {
    if (kind === 'unary') return line.json(200, chatBody('hi'));
    line.startStream();
    line.text('hi');
    line.finish();
  };
  const stage = await scene(provider, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint } });
  const client = stage.client(way);
  const method = kind === 'unary' ? complete : streamComplete;
  for (const nth of [1, 2]) {
    const { error } = await client[kind](method as typeof complete, hello);
    expect(error).toBeUndefined();
    await until('the line of the call', () => callLines(stage.gateway).length === nth);
  }
  client.close();
  await stage.quiet({ connections: false });
  expect(callLines(stage.gateway)).toMatchObject([{ status: 'OK' }, { status: 'OK' }]);
  expect(await stage.gateway.metrics()).not.toMatch(/CANCELLED|cancelled/);
  const spans = await collector.waitForSpans(({ length }) => length === 6);
  expect(spans.filter(({ failed }) => failed)).toEqual([]);
  const served = spans.filter(({ kind: of }) => of === 'server');
  expect(served).toHaveLength(2);
  for (const { attributes } of served) expect(Object.values(attributes)).toContain('OK');
  // The second call found the connection of the first in order.
  expect(stage.upstream).toMatchObject({ accepted: 1, open: 1 });
  expect(stage.upstream.received).toHaveLength(2);
});

test.each(wayNames)('row 37: 300 idle streams (%s) leave nothing behind when their callers go', async (way) => {
  const count = 300;
  let asked = 0;
  const stage = await scene((line) => {
    asked++;
    line.startStream();
    line.text('one');
  });
  const client = stage.client(way);
  const cancel = new AbortController();
  let arrived = 0;
  const replies = Array.from({ length: count }, () =>
    client.stream(streamComplete, hello, { signal: cancel.signal, onMessage: () => arrived++ }),
  );
  await until('all streams to have begun', () => asked === count && arrived === 2 * count);
  expect(await stage.gateway.metrics()).toMatch(/llm_active_requests\{provider="test"\} 300/);
  cancel.abort();
  await Promise.all(replies);
  await stage.quiet();
  await until('all lines', () => callLines(stage.gateway).length === count);
  expect(callLines(stage.gateway).every(({ status }) => status === 'CANCELLED')).toBe(true);
  expect(stage.upstream.received).toHaveLength(count);
});
