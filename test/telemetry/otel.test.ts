import { createServer } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CallContextSchema } from '#gen/antiphon/v1/completion_pb.js';
import { systemClock } from '../../src/core/clock.ts';
import type { TracedCall } from '../../src/core/tracing.ts';
import { startTelemetry, type Telemetry, type TelemetryOptions } from '../../src/telemetry/otel.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { type OtlpReceiver, otlpReceiver } from '../support/otlp-receiver.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const METHOD = 'antiphon.v1.LlmService/Complete';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((close) => close()));
});

async function collector(): Promise<OtlpReceiver> {
  const receiver = await otlpReceiver();
  open.push(receiver.close);
  return receiver;
}

async function telemetry(options: Partial<TelemetryOptions> = {}): Promise<Telemetry & { logged: unknown[][] }> {
  const logged: unknown[][] = [];
  const started = await startTelemetry({
    serviceName: 'antiphon',
    version: '1.2.3',
    otlpEndpoint: undefined,
    metricsHost: '127.0.0.1',
    metricsPort: 0,
    knownTargets: [],
    clock: systemClock,
    log: { info: (...line) => logged.push(['info', ...line]), warn: (...line) => logged.push(['warn', ...line]) },
    ...options,
  });
  open.push(started.shutdown);
  return { ...started, logged };
}

type Ids = { traceId?: string; sourceAgent?: string; sessionId?: string };

const call = (fields: Ids = {}, headers: Readonly<Record<string, string>> = {}): TracedCall => ({
  method: METHOD,
  system: 'grpc',
  fields: create(CallContextSchema, fields),
  header: (name) => headers[name],
});

const scrape = async ({ metricsAddress }: Telemetry) => (await fetch(`http://${metricsAddress}/metrics`)).text();

/** Runs one call with one try, and gives what the collector got. */
async function oneCall(traced: TracedCall, options: Partial<TelemetryOptions> = {}) {
  const receiver = await collector();
  const running = await telemetry({ otlpEndpoint: receiver.endpoint, ...options });
  const { span, context } = running.tracing.open(traced);
  const child = span.child('attempt', 'client');
  const { traceparent } = child;
  child.end();
  span.end();
  await running.shutdown();
  const named = (name: string) => receiver.spans.find((received) => received.name === name);
  return { receiver, context, traceparent, server: named(METHOD), attempt: named('attempt') };
}

describe('spans', () => {
  it('arrive at a collector, with all they say', async () => {
    const receiver = await collector();
    const { tracing, shutdown } = await telemetry({ otlpEndpoint: `${receiver.endpoint}/` });
    const { span } = tracing.open(call({ sourceAgent: 'planner', sessionId: 's-1' }));
    const chat = span.child('chat', 'client');
    chat.rename('chat gpt-5');
    chat.set({ text: 'a', whole: 3, real: 0.5, yes: true, list: ['x', 'y'], left: undefined });
    chat.fail('upstream_error');
    chat.end();
    span.end();
    await shutdown();
    const [first, second] = await receiver.waitForSpans((spans) => spans.length === 2);
    expect(first).toMatchObject({ name: 'chat gpt-5', kind: 'client', failed: true, traceId: second?.traceId });
    expect(first?.parentSpanId).toBe(second?.spanId);
    const chatAttributes = {
      text: 'a',
      whole: 3,
      real: 0.5,
      yes: true,
      list: ['x', 'y'],
      'error.type': 'upstream_error',
    };
    expect(first?.attributes).toEqual(chatAttributes);
    expect(second).toMatchObject({ name: METHOD, kind: 'server', failed: false, parentSpanId: '' });
    expect(second?.attributes).toEqual({
      'rpc.system.name': 'grpc',
      'rpc.method': METHOD,
      'antiphon.trace_id': second?.traceId,
      'antiphon.source_agent': 'planner',
      'antiphon.session_id': 's-1',
      'gen_ai.conversation.id': 's-1',
    });
    expect(second?.resource).toMatchObject({ 'service.name': 'antiphon', 'service.version': '1.2.3' });
    expect(first && first.endNano >= first.startNano && first.startNano > 1_600_000_000n * 1_000_000_000n).toBe(true);
  });

  it('of a call without ids have no session, and a new trace', async () => {
    const { server, context } = await oneCall(call());
    expect(server?.traceId).toBe(context.traceId);
    expect(Object.keys(server?.attributes ?? {})).toEqual(['rpc.system.name', 'rpc.method', 'antiphon.trace_id']);
  });

  it('take a trace id of 32 digits for their own, without a phantom parent', async () => {
    const { server, attempt, traceparent } = await oneCall(call({ traceId: TRACE.toUpperCase() }));
    expect(server).toMatchObject({ traceId: TRACE, parentSpanId: '' });
    expect(attempt).toMatchObject({ traceId: TRACE, parentSpanId: server?.spanId });
    expect(traceparent).toBe(`00-${TRACE}-${attempt?.spanId}-01`);
  });

  it('are waited for no longer than they need', async () => {
    const receiver = await collector();
    const clock = fakeClock();
    const running = await telemetry({ otlpEndpoint: receiver.endpoint, clock });
    running.tracing.open(call()).span.end();
    await running.shutdown();
    expect([receiver.spans.length, clock.pending]).toEqual([1, 0]);
  });

  it('do not take the trace id of the call before', async () => {
    const receiver = await collector();
    const { tracing, shutdown } = await telemetry({ otlpEndpoint: receiver.endpoint });
    tracing.open(call({ traceId: TRACE })).span.end();
    tracing.open(call({ traceId: 'req-42' })).span.end();
    await shutdown();
    expect(receiver.spans.map(({ traceId }) => traceId === TRACE)).toEqual([true, false]);
    expect(receiver.spans[1]?.attributes['antiphon.trace_id']).toBe('req-42');
  });

  it("follow traceparent, and keep the caller's own trace id beside it", async () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1,other=2' };
    const { server, context } = await oneCall(call({ traceId: 'a'.repeat(32) }, headers));
    expect(server).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, tracestate: 'vendor=1,other=2' });
    expect(server?.attributes['antiphon.trace_id']).toBe('a'.repeat(32));
    expect(context.traceId).toBe('a'.repeat(32));
  });

  it('are not recorded where the caller does not record, but the trace goes on', async () => {
    const { receiver, traceparent } = await oneCall(call({}, { traceparent: `00-${TRACE}-${SPAN}-00` }));
    expect(receiver.spans).toEqual([]);
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-00$`));
  });

  it('have attributes with a bound', async () => {
    const receiver = await collector();
    const { tracing, shutdown } = await telemetry({ otlpEndpoint: receiver.endpoint });
    const { span } = tracing.open(call());
    span.set({ long: 'x'.repeat(5000) });
    span.end();
    await shutdown();
    expect(receiver.spans[0]?.attributes.long).toBe('x'.repeat(1024));
  });
});

describe("OpenTelemetry's own variables", () => {
  const parent = { traceparent: `00-${TRACE}-${SPAN}-01` };
  const table: [string, Record<string, string>, Record<string, string>, number][] = [
    ['no sampler', {}, {}, 2],
    ['always_off', { OTEL_TRACES_SAMPLER: 'always_off' }, parent, 0],
    ['always_on', { OTEL_TRACES_SAMPLER: 'always_on' }, { traceparent: `00-${TRACE}-${SPAN}-00` }, 2],
    ['parentbased_always_off without a parent', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, {}, 0],
    ['parentbased_always_off with one', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, parent, 2],
    ['parentbased_always_on', { OTEL_TRACES_SAMPLER: 'parentbased_always_on' }, {}, 2],
    ['a share of nothing', { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, parent, 0],
    ['a share that is none', { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' }, parent, 2],
    [
      'parentbased_traceidratio',
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      {},
      0,
    ],
    ['an unknown sampler', { OTEL_TRACES_SAMPLER: 'toString' }, {}, 2],
    ['switched off', { OTEL_SDK_DISABLED: 'true' }, {}, 0],
    ['no exporter', { OTEL_TRACES_EXPORTER: 'none' }, {}, 0],
    ['compressed', { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' }, {}, 2],
  ];
  it.each(table)('%s', async (_, env, headers, spans) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const { receiver } = await oneCall(call({}, headers));
    expect(receiver.spans).toHaveLength(spans);
  });

  it('name the service and its surroundings', async () => {
    vi.stubEnv('OTEL_SERVICE_NAME', 'from-env');
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=prod,service.version=9');
    const { server } = await oneCall(call());
    const expected = { 'service.name': 'from-env', 'service.version': '9', 'deployment.environment.name': 'prod' };
    expect(server?.resource).toMatchObject(expected);
  });

  it('bound attributes', async () => {
    vi.stubEnv('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', '4');
    const { server } = await oneCall(call());
    expect(server?.attributes['rpc.method']).toBe('anti');
  });

  it('bound the queue', async () => {
    vi.stubEnv('OTEL_BSP_MAX_QUEUE_SIZE', '3');
    const receiver = await collector();
    const { tracing, shutdown } = await telemetry({ otlpEndpoint: receiver.endpoint });
    const spans = Array.from({ length: 10 }, () => tracing.open(call()).span);
    for (const span of spans) span.end();
    await shutdown();
    expect(receiver.spans.length).toBeLessThan(10);
  });
});

describe('without a collector', () => {
  const traceparentOf = async (traced: TracedCall) => {
    const { tracing } = await telemetry();
    const { span, context } = tracing.open(traced);
    const child = span.child('attempt', 'client');
    expect(child).toBe(span);
    child.rename('other');
    child.set({ a: 1 });
    child.fail('internal');
    child.end();
    expect(span.traceparent).toBe(child.traceparent);
    return { traceparent: span.traceparent, context };
  };

  it("the caller's traceparent goes on as it came", async () => {
    const header = `00-${TRACE}-${SPAN}-01`;
    expect((await traceparentOf(call({}, { traceparent: header }))).traceparent).toBe(header);
  });
  it("the caller's trace id goes on", async () => {
    const { traceparent } = await traceparentOf(call({ traceId: TRACE.toUpperCase() }));
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  });
  it('a call without ids gets some', async () => {
    const { traceparent, context } = await traceparentOf(call());
    expect(traceparent).toMatch(new RegExp(`^00-${context.traceId}-[0-9a-f]{16}-00$`));
  });
  it('an id that can be no trace gets one besides', async () => {
    const { traceparent, context } = await traceparentOf(call({ traceId: 'req-42' }));
    expect(context.traceId).toBe('req-42');
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });
});

describe('a collector that does not take spans', () => {
  /** Records as many calls as no queue holds. */
  const flood = ({ tracing }: Telemetry) => {
    for (let i = 0; i < 5000; i++) tracing.open(call()).span.end();
  };
  const lost = (metrics: string, error: string) => {
    const line = metrics.split('\n').find((text) => text.includes(`error_type="${error}"`)) ?? '';
    return line.startsWith('otel_sdk_processor_span_processed_total{') ? Number(line.split(' ').at(-1)) : 0;
  };

  it('when silent: drops and counts what does not fit, and shuts down in the time allowed', async () => {
    const receiver = await collector();
    receiver.mode = 'silent';
    const clock = fakeClock();
    const running = await telemetry({ otlpEndpoint: receiver.endpoint, clock, flushMs: 250 });
    flood(running);
    expect(lost(await scrape(running), 'queue_full')).toBeGreaterThan(2000);
    let stopped = false;
    const stopping = running.shutdown().then(() => (stopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(249);
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    clock.advance(1);
    await stopping;
    expect(clock.pending).toBe(0);
  });

  it('when refusing: counts what was lost, and says so once, and once when it is over', async () => {
    const receiver = await collector();
    receiver.mode = 'refuse';
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '5');
    const running = await telemetry({ otlpEndpoint: receiver.endpoint });
    const record = () => running.tracing.open(call({ sessionId: 'secret-session' })).span.end();
    record();
    await vi.waitFor(() => expect(running.logged).toHaveLength(1));
    record();
    await vi.waitFor(async () => expect(lost(await scrape(running), 'OTLPExporterError')).toBe(2));
    expect(running.logged).toEqual([['warn', expect.anything(), expect.stringContaining('spans are lost')]]);
    receiver.mode = 'take';
    record();
    await vi.waitFor(() => expect(running.logged).toHaveLength(2));
    expect(running.logged[1]?.[0]).toBe('info');
    expect(receiver.spans).toHaveLength(1);
  });

  it('when away: shuts down all the same', async () => {
    const receiver = await collector();
    await receiver.close();
    const running = await telemetry({ otlpEndpoint: receiver.endpoint, flushMs: 50 });
    running.tracing.open(call()).span.end();
    await running.shutdown();
    await expect(fetch(`http://${running.metricsAddress}/metrics`)).rejects.toThrow();
  });
});

describe('the metrics server', () => {
  it('serves GET /metrics and nothing else, on a port it took itself', async () => {
    const { metricsAddress } = await telemetry();
    expect(metricsAddress).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    const status = async (path: string, method = 'GET') =>
      (await fetch(`http://${metricsAddress}${path}`, { method })).status;
    expect(await status('/metrics')).toBe(200);
    expect(await status('/metrics?x=1')).toBe(200);
    expect(await status('/metrics', 'POST')).toBe(405);
    expect(await status('/')).toBe(404);
  });
  it('writes an IPv6 address so that a URL can hold it', async () => {
    const running = await telemetry({ metricsHost: '::1' }).catch(() => undefined);
    if (running) expect(running.metricsAddress).toMatch(/^\[::1\]:\d+$/);
  });
  it('fails to start on a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const bound = taken.address();
    const metricsPort = typeof bound === 'object' && bound ? bound.port : 0;
    await expect(telemetry({ metricsPort })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    taken.close();
  });
  it('lives beside others in one process, and stops once', async () => {
    const [a, b] = await Promise.all([telemetry(), telemetry()]);
    expect(a.metricsAddress).not.toBe(b.metricsAddress);
    expect(a.shutdown()).toBe(a.shutdown());
    await a.shutdown();
    expect(await scrape(b)).toContain('llm_requests_total');
  });
});
