import { describe, expect, it, onTestFinished } from 'vitest';
import { connections } from '../../src/backends/http/connections.ts';
import { askListing, readListing } from '../../src/backends/http/listing.ts';
import { askCompletion, type ProbeSource, startProbes } from '../../src/backends/http/probe.ts';
import type { Call } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { openai } from '../../src/providers/openai.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { helloResponse, settle } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { until } from '../support/scene.ts';
import { type Script, startUpstream, type Upstream } from '../support/upstream.ts';

const EVERY_MS = 60_000;
const settings = { everyMs: EVERY_MS, timeoutMs: 10_000 };

/** Probes that are answered as the given functions say, on a clock that stands still. */
function start(asks: Readonly<Record<string, ProbeSource['ask']>>) {
  const clock = fakeClock();
  clock.chances = [0.5];
  const told: string[] = [];
  const sources = Object.entries(asks).map(
    ([name, ask]): ProbeSource => ({
      ask,
      ended: (error, durationMs) => told.push(`${name}: ${error ?? 'ok'} after ${durationMs}`),
    }),
  );
  const probes = startProbes({ sources, settings, clock });
  onTestFinished(() => probes.close());
  return {
    clock,
    told,
    probes,
    async pass(ms: number) {
      clock.advance(ms);
      await settle();
    },
  };
}

const ok = async () => undefined;

const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

const failing = async () => {
  throw new GatewayError('upstream_error', 'no');
};

describe('probes', () => {
  it('begin after one interval, and come again', async () => {
    const { told, pass } = start({ a: ok, b: failing });
    await pass(EVERY_MS - 1);
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual(['a: ok after 0', 'b: upstream_error after 0']);
    await pass(EVERY_MS);
    expect(told).toHaveLength(4);
  });

  it.each([
    [0, 0.9 * EVERY_MS],
    [0.999_999, 1.1 * EVERY_MS],
  ])('come a tenth sooner or later by chance (%f)', async (chance, afterMs) => {
    const { clock, told, pass } = start({ a: ok });
    // The first wait was chosen at the start.
    clock.chances = [chance];
    await pass(EVERY_MS);
    expect(told).toHaveLength(1);
    await pass(afterMs - 10);
    expect(told).toHaveLength(1);
    await pass(10);
    expect(told).toHaveLength(2);
  });

  it('fail when no answer comes in time, and none waits for another', async () => {
    const { clock, told, pass } = start({ slow: hang, fast: ok });
    await pass(EVERY_MS);
    expect(told).toEqual(['fast: ok after 0']);
    await pass(9_999);
    expect(told).toHaveLength(1);
    await pass(1);
    expect(told).toEqual(['fast: ok after 0', 'slow: upstream_timeout after 10000']);
    await pass(EVERY_MS - 10_000);
    expect(told).toHaveLength(3);
    expect(clock.pending).toBe(2);
  });

  it('tell a defect as what it is', async () => {
    const { told, pass } = start({
      a: async () => {
        throw new Error('a defect');
      },
    });
    await pass(EVERY_MS);
    expect(told).toEqual(['a: internal after 0']);
  });

  it('end at once when they are closed, whether they wait or ask, and tell nothing more', async () => {
    const waiting = start({ a: ok });
    const asking = start({ a: hang, b: ok });
    await asking.pass(EVERY_MS);
    for (const { probes, told, clock, pass } of [waiting, asking]) {
      const before = told.length;
      await probes.close();
      expect(clock.pending).toBe(0);
      await pass(10 * EVERY_MS);
      expect(told).toHaveLength(before);
    }
  });

  it('do not happen where they are off', async () => {
    const clock = fakeClock();
    const off = { everyMs: undefined, timeoutMs: 10_000 };
    const probes = startProbes({ sources: [{ ask: ok, ended: ok }], settings: off, clock });
    expect(clock.pending).toBe(0);
    await probes.close();
  });
});

async function server(script: Script): Promise<Upstream> {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  return upstream;
}

const providerAt = ({ url }: Upstream): Provider => openai.create({ name: 'test', baseUrl: new URL(url), headers: {} });

function ask(provider: Provider, signal = new AbortController().signal): Promise<void> {
  const open = connections(provider.baseUrl.origin, { maxConnections: 1, connectMs: 1_000 });
  onTestFinished(() => open.close());
  return askListing({ provider, connections: open, key: 'sk-test-key', clock: systemClock }, signal);
}

const outcome = (asked: Promise<void>) =>
  asked.then(
    () => 'ok',
    (error: unknown) => (error instanceof GatewayError ? error.kind : error),
  );

describe('asking for the listing', () => {
  it('asks for the first page with the key, and does not read what it says', async () => {
    const upstream = await server((line) => line.json(200, 'not even JSON'));
    await ask(providerAt(upstream));
    expect(upstream.received).toMatchObject([
      { method: 'GET', path: '/v1/models', headers: { authorization: 'Bearer sk-test-key' } },
    ]);
    await until('a closed connection', () => upstream.open === 0);
  });

  it('takes no more than it needs', async () => {
    let sent = 0;
    const upstream = await server(async (line) => {
      line.send('HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n');
      sent = await line.pour(Buffer.alloc(64 * 1024));
    });
    expect(await outcome(ask(providerAt(upstream)))).toBe('ok');
    await until('a closed connection', () => upstream.open === 0 && sent > 0);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it('does not wait for a connection that calls have', async () => {
    const upstream = await server((line, n) => (n === 0 ? undefined : line.json(200, {})));
    const provider = providerAt(upstream);
    const open = connections(provider.baseUrl.origin, { maxConnections: 1, connectMs: 1_000 });
    onTestFinished(() => open.close());
    const place = { provider, connections: open, key: undefined, clock: systemClock };
    const leave = new AbortController();
    const busy = readListing(place, leave.signal).catch(() => 'left');
    await until('a call under way', () => upstream.received.length === 1);
    await askListing(place, new AbortController().signal);
    expect(upstream.received).toHaveLength(2);
    leave.abort();
    expect(await busy).toBe('left');
  });

  it('does not ask a provider without one', async () => {
    const upstream = await server((line) => line.json(200, {}));
    const { listing: _own, ...provider } = providerAt(upstream);
    await ask(provider);
    expect(upstream.received).toEqual([]);
  });

  it.each<[string, Script, string]>([
    ['a wrong key', (line) => line.json(401, { error: { message: 'no' } }), 'upstream_auth'],
    ['too many requests', (line) => line.json(429, { error: { message: 'no' } }), 'upstream_rate_limited'],
    ['a failure', (line) => line.json(500, {}), 'upstream_error'],
    ['a failure of any size', (line) => line.json(503, 'x'.repeat(200_000)), 'upstream_overloaded'],
    ['a broken connection', (line) => void line.socket.resetAndDestroy(), 'upstream_reset'],
  ])('says so when it meets %s', async (_, script, kind) => {
    const upstream = await server(script);
    expect(await outcome(ask(providerAt(upstream)))).toBe(kind);
    expect(upstream.received).toHaveLength(1);
  });

  it('is broken off when the signal aborts', async () => {
    const upstream = await server(() => undefined);
    const abort = new AbortController();
    const asked = ask(providerAt(upstream), abort.signal);
    await until('a request', () => upstream.received.length === 1);
    abort.abort('enough');
    expect(await outcome(asked)).toBe('enough');
    await until('a closed connection', () => upstream.open === 0);
  });
});

describe('asking for a completion', () => {
  it('asks for one token of the model, in nobody’s name', async () => {
    const calls: Call[] = [];
    const { signal } = new AbortController();
    const clock = fakeClock();
    const complete = async (call: Call) => {
      calls.push(call);
      return helloResponse();
    };
    const target = { provider: 'openai', model: 'gpt-6-luna' };
    const response = await askCompletion(complete, target, 'probe-1', clock, signal);
    expect(response.usage?.outputTokens).toBe(2n);
    expect(calls).toMatchObject([
      {
        id: 'probe-1',
        request: { model: 'openai/gpt-6-luna', maxTokens: 1, messages: [{}] },
        caller: { name: 'probe' },
        context: { traceId: 'probe-1', sourceAgent: 'antiphon-probe' },
        receivedMs: 1_000,
        target,
        targets: [target],
        isLast: true,
        sink: undefined,
        trail: { target },
      },
    ]);
    expect(calls[0]?.signal).toBe(signal);
  });
});
