import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { Config } from '../src/config/config.ts';
import { loadConfig } from '../src/config/load.ts';
import { Outcomes } from '../src/resilience/outcomes.ts';
import { asked, streaming, streamingUpstream } from './faults/reload-stage.ts';
import { countingClock } from './support/counting-clock.ts';
import { grpcClient } from './support/doors.ts';
import { type FakeClock, fakeClock } from './support/fake-clock.ts';
import { startGateway, type TestGateway } from './support/gateway.ts';
import { until } from './support/scene.ts';
import { startUpstream, type Upstream } from './support/upstream.ts';

const { listModels, health } = LlmService.method;

/** The file for providers at these addresses, each with the model `m`. */
const fileOf = (places: Readonly<Record<string, string>>, more = ''): string => {
  const providers = Object.entries(places).map(([name, url]) => `${name}: { base_url: "${url}", models: [m] }`);
  return `providers: { ${providers.join(', ')} }\nretry: { max_retries: 0 }\n${more}`;
};

const configOf = (file: string): Config => loadConfig({ ANTIPHON_CONFIG: 'test.yaml' }, () => Buffer.from(file));

interface Stage {
  readonly gateway: TestGateway;
  readonly clock: FakeClock;
  readonly client: ReturnType<typeof grpcClient>;
  reload(file: string): readonly string[];
  /** Moves time on in steps, so that what takes a turn of the event loop can happen in between. */
  pass(seconds: number): Promise<void>;
}

/** A gateway whose time stands still. */
async function stage(file: string): Promise<Stage> {
  const clock = fakeClock();
  const gateway = await startGateway({ file, clock });
  onTestFinished(async () => {
    const timer = setInterval(() => clock.advance(1_000));
    await gateway.close();
    clearInterval(timer);
  });
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  return {
    gateway,
    clock,
    client,
    reload: (next) => gateway.reload(configOf(next)),
    async pass(seconds) {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1_000);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}

/** A provider that lists one model, besides what others do. */
async function listing(id = 'listed'): Promise<Upstream> {
  const upstream = await startUpstream((line) => line.json(200, { object: 'list', data: [{ id }] }));
  onTestFinished(() => upstream.close());
  return upstream;
}

const PROBES = 'probes: { every_ms: 1000 }\n';
const LISTINGS = 'catalogue: { refresh_ms: 3600000 }\n';
const OFF = 'enabled: false\n';

describe('a configuration that was replaced', () => {
  it('asks its providers for nothing any more, while its calls go on', async () => {
    const [old, next] = [await streamingUpstream(), await listing()];
    const { reload, pass, client } = await stage(fileOf({ a: old.upstream.url }, PROBES + LISTINGS));
    const { reply } = await streaming(client, 'a/m');
    await pass(3);
    await until('a probe of the old one', () => old.upstream.received.length > 1);
    reload(fileOf({ a: next.url }, PROBES + LISTINGS));
    while (next.received.length === 0) await pass(1);
    const before = old.upstream.received.length;
    await pass(10);
    expect(old.upstream.received.length).toBe(before);
    for (const line of old.streams) line.finish();
    expect((await reply).error).toBeUndefined();
    await until('no connection to the old one', () => old.upstream.open === 0);
  });

  it('lets a call go on that waits for its turn, within the bounds of the next one', async () => {
    const { upstream, streams } = await streamingUpstream();
    const bound = (max: number) => fileOf({ a: upstream.url }, `concurrency: { max: ${max} }`);
    const { reload, client } = await stage(bound(1));
    const first = await streaming(client, 'a/m');
    const second = asked(client, 'a/m');
    const queued = async () => (await client.unary(health, {})).messages[0]?.providers[0]?.queuedCalls;
    await until('the second to wait', async () => (await queued()) === 1);
    reload(bound(2));
    expect(await second).toBe('by undefined');
    for (const line of streams) line.finish();
    expect((await first.reply).error).toBeUndefined();
  });
});

describe('what is known of a provider', () => {
  const status = async ({ client }: Stage) => (await client.unary(health, {})).messages[0]?.providers[0]?.status;
  const NOWHERE = 'http://127.0.0.1:1/v1';
  const ELSEWHERE = 'http://127.0.0.1:2/v1';

  /** A gateway whose provider is nowhere, so that its breaker is open. */
  async function broken(): Promise<Stage> {
    const made = await stage(fileOf({ a: NOWHERE }, 'breaker: { consecutive_failures: 1 }'));
    expect(await asked(made.client, 'a/m')).toMatchObject({ code: 14 });
    expect(await status(made)).toBe(HealthStatus.NOT_SERVING);
    return made;
  }

  it('stays while it stays where it is', async () => {
    const made = await broken();
    made.reload(fileOf({ a: NOWHERE }, 'breaker: { open_ms: 50000 }'));
    expect(await status(made)).toBe(HealthStatus.NOT_SERVING);
    expect(await made.gateway.metrics()).toContain('llm_breaker_open{provider="a"} 1');
  });

  it('goes when it goes elsewhere', async () => {
    const made = await broken();
    made.reload(fileOf({ a: ELSEWHERE }));
    expect(await status(made)).toBe(HealthStatus.SERVING);
    expect(await made.gateway.metrics()).toContain('llm_breaker_open{provider="a"} 0');
  });

  it('goes when it is removed, and does not come again with it', async () => {
    const made = await broken();
    made.reload(fileOf({ b: ELSEWHERE }));
    made.reload(fileOf({ a: NOWHERE }));
    expect(await status(made)).toBe(HealthStatus.SERVING);
  });
});

describe('what probes said', () => {
  const NOWHERE = 'http://127.0.0.1:1/v1';
  const probes = (more: string) => fileOf({ a: NOWHERE }, `probes: { every_ms: 1000, failures: 1${more} }`);

  it.each<[string, string]>([
    ['that are over', probes(', enabled: false')],
    ['of models that are switched off', `${OFF}${probes('')}`],
  ])('%s holds no more', async (_, file) => {
    const { pass, client, reload } = await stage(probes(''));
    const state = async () => (await client.unary(health, {})).messages[0]?.providers[0];
    while ((await state())?.status !== HealthStatus.NOT_SERVING) await pass(1);
    reload(probes(', timeout_ms: 2000'));
    expect(await state()).toMatchObject({ status: HealthStatus.NOT_SERVING, probe: { succeeded: false } });
    reload(file);
    const { status, probe } = (await state()) ?? {};
    expect([status, probe]).toEqual([HealthStatus.SERVING, undefined]);
  });
});

describe('probes', () => {
  it('come in time however often the configuration changes', async () => {
    const upstream = await listing();
    const file = (seed: number) => fileOf({ a: upstream.url }, `probes: { every_ms: 10000 }\nmock: { seed: ${seed} }`);
    const { pass, reload } = await stage(file(0));
    await pass(2);
    for (let seed = 1; seed <= 12; seed++) {
      reload(file(seed));
      await pass(2);
      if (seed === 2) expect(upstream.accepted).toBe(0);
    }
    await until('a probe', () => upstream.received.length > 0);
    expect(upstream.received.length).toBeLessThan(5);
  });
});

describe('what a provider lists', () => {
  const ids = async ({ client }: Stage) =>
    (await client.unary(listModels, { pageSize: 1000 })).messages[0]?.models.map(({ id }) => id);

  /** A gateway that has read the list of its provider. */
  async function informed(): Promise<Stage & { readonly url: string }> {
    const { url } = await listing();
    const made = await stage(fileOf({ a: url }, LISTINGS));
    await made.pass(3);
    await until('the list', async () => (await ids(made))?.includes('listed') === true);
    return { ...made, url };
  }

  it('is known at once after a reload', async () => {
    const made = await informed();
    made.reload(fileOf({ a: made.url }, `${LISTINGS}mock: { seed: 1 }`));
    expect(await ids(made)).toEqual(['listed', 'm']);
    made.reload(fileOf({ a: made.url }, `${LISTINGS}mock: { seed: 2 }`));
    expect(await ids(made)).toEqual(['listed', 'm']);
  });

  it.each<[string, (url: string) => string]>([
    ['is elsewhere', () => fileOf({ a: 'http://127.0.0.1:1/v1' }, LISTINGS)],
    ['is no more to be asked', (url) => fileOf({ a: url })],
    ['was away in between', () => fileOf({ b: 'http://127.0.0.1:1/v1' }, LISTINGS)],
  ])('is not, if it %s', async (_, file) => {
    const made = await informed();
    made.reload(file(made.url));
    expect(await ids(made)).toEqual(['m']);
    made.reload(fileOf({ a: made.url }, LISTINGS));
    expect(await ids(made)).toEqual(['m']);
  });
});

describe('models that are switched off', () => {
  it('leave providers alone: no connection is made, however long', async () => {
    const upstream = await listing();
    const { pass, client, reload } = await stage(fileOf({ a: upstream.url }, OFF + PROBES + LISTINGS));
    await pass(10);
    expect(await asked(client, 'a/m')).toMatch(/switched off/);
    expect(upstream.accepted).toBe(0);
    reload(fileOf({ a: upstream.url }, PROBES));
    await pass(3);
    await until('a probe', () => upstream.accepted > 0);
  });

  it('are so for the mock, too, that would answer in their place', async () => {
    const { client } = await stage(`${OFF}mock: { use: true }\nfallback: { answers: { default: sorry } }`);
    for (const model of ['', 'openai/gpt-6-luna', 'mock/echo']) expect(await asked(client, model)).toBe('sorry');
  });

  it('can be switched off and on while the gateway runs, and streams end as they began', async () => {
    const { upstream, streams } = await streamingUpstream();
    const { pass, client, reload, gateway } = await stage(fileOf({ a: upstream.url }, PROBES));
    const { reply } = await streaming(client, 'a/m');
    reload(fileOf({ a: upstream.url }, OFF + PROBES));
    const before = upstream.received.length;
    await pass(5);
    expect(await asked(client, 'a/m')).toMatch(/switched off/);
    expect(upstream.received.length).toBe(before);
    expect(await gateway.metrics()).toMatch(
      /^llm_requests_total\{provider="fallback",model="default",status="OK"\} 1$/m,
    );
    for (const line of streams) line.finish();
    expect((await reply).error).toBeUndefined();
    await until('no connection', () => upstream.open === 0);
    reload(fileOf({ a: upstream.url }));
    expect(await asked(client, 'a/m')).toBe('by undefined');
  });
});

describe('a key that a provider refuses', () => {
  it.each([
    [401, 1],
    [402, 1],
    [429, 0],
  ])('with %i has %i lines of its own in the log', async (code, lines) => {
    const upstream = await startUpstream((line) => line.json(code, { error: {} }));
    onTestFinished(() => upstream.close());
    const env = { OPENAI_API_KEY: 'sk-of-a-test-0123456789', OPENAI_BASE_URL: upstream.url };
    const gateway = await startGateway({ env, file: 'retry: { max_retries: 0 }' });
    onTestFinished(() => gateway.close());
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    await asked(client, '');
    const told = gateway.lines().filter(({ msg }) => msg === 'key set aside');
    expect(told).toHaveLength(lines);
    for (const line of told) {
      expect(line).toMatchObject({ level: 'warn', provider: 'openai', key: 'OPENAI_API_KEY' });
      expect(Number(line.retry_in_ms) / 60_000).toBeCloseTo(code === 401 ? 5 : 15, 1);
    }
    expect((await client.unary(health, {})).messages[0]?.providers[0]?.keysSetAside).toHaveLength(1);
  });
});

describe('the end', () => {
  it.each(['drain', 'close'] as const)('comes when no connection to a provider is open any more (%s)', async (how) => {
    const { upstream } = await streamingUpstream();
    const gateway = await startGateway({ file: fileOf({ a: upstream.url }, 'server: { drain_delay_ms: 0 }') });
    const client = grpcClient(gateway.grpcPort);
    expect(await asked(client, 'a/m')).toBe('by undefined');
    client.close();
    expect(upstream.open).toBe(1);
    await gateway[how]();
    await until('no connection', () => upstream.open === 0);
  });

  it('waits for a stream that has begun', async () => {
    const { upstream, streams } = await streamingUpstream();
    const gateway = await startGateway({ file: fileOf({ a: upstream.url }, 'server: { drain_delay_ms: 0 }') });
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    const { reply } = await streaming(client, 'a/m');
    const over = gateway.drain();
    const page = `http://127.0.0.1:${gateway.httpPort}/readyz`;
    await until('the doors to be shut', () =>
      fetch(page).then(
        () => false,
        () => true,
      ),
    );
    for (const line of streams) line.finish();
    expect((await reply).error).toBeUndefined();
    await over;
  });
});

describe('a start that fails', () => {
  it('leaves no timer and no port behind', async () => {
    const clock = countingClock();
    const taken = await startGateway();
    onTestFinished(() => taken.close());
    const free = await startGateway();
    await free.close();
    const metricsPort = free.addresses.metrics.slice(free.addresses.metrics.lastIndexOf(':') + 1);
    const env = { ANTIPHON_GRPC_PORT: String(taken.grpcPort), ANTIPHON_METRICS_PORT: metricsPort };
    for (let i = 0; i < 2; i++)
      await expect(startGateway({ env, clock })).rejects.toThrow(`:${taken.grpcPort} is already in use`);
    expect(clock.pending).toBe(0);
  });
});

describe('a probe that costs something', () => {
  it('asks once in each interval, whatever comes of it', async () => {
    const upstream = await startUpstream((line) => line.json(500, { error: {} }));
    onTestFinished(() => upstream.close());
    const probes = 'probes: { every_ms: 20000, by: completion }\nbreaker: { enabled: false }';
    const { pass, gateway } = await stage(`providers: { a: { base_url: "${upstream.url}", models: [m] } }\n${probes}`);
    await pass(17);
    expect(upstream.accepted).toBe(0);
    for (const n of [1, 2]) {
      for (let waited = 0; upstream.received.length < n && waited < 60; waited++) await pass(1);
      await pass(15);
      expect(upstream.received).toHaveLength(n);
    }
    for (const { method, body } of upstream.received)
      expect([method, JSON.parse(body).max_tokens]).toEqual(['POST', 1]);
    const page = await gateway.metrics();
    expect(page).not.toMatch(/^llm_(?:retries|requests|attempts)_total\{/m);
    expect(gateway.lines().filter(({ msg }) => msg === 'call')).toEqual([]);
  });
});

describe('what is asked again and again', () => {
  it('spares the percentiles: the list of models, the metrics, and the state of each provider', async () => {
    const { upstream } = await streamingUpstream();
    const { client, gateway, pass } = await stage(fileOf({ a: upstream.url }));
    await asked(client, 'a/m');
    const summary = vi.spyOn(Outcomes, 'summary');
    onTestFinished(() => summary.mockRestore());
    await client.unary(listModels, {});
    await gateway.metrics();
    await pass(3);
    expect(summary).not.toHaveBeenCalled();
    await client.unary(health, {});
    expect(summary).toHaveBeenCalled();
  });
});

describe('a reload that fails by a defect', () => {
  it('leaves all as it was', async () => {
    const { upstream, streams } = await streamingUpstream();
    const { client, gateway } = await stage(fileOf({ a: upstream.url }));
    const next = configOf(fileOf({ a: upstream.url }, 'concurrency: { max: 1 }'));
    const defect = new Error('a defect');
    const spoilt = Object.defineProperty({ ...next }, 'shedding', {
      get() {
        throw defect;
      },
    });
    expect(() => gateway.reload(spoilt)).toThrow(defect);
    expect(await gateway.metrics()).toContain('llm_config_reloads_total{result="ok"} 0');
    const { reply } = await streaming(client, 'a/m');
    expect(await asked(client, 'a/m')).toBe('by undefined');
    gateway.reload(next);
    const waiting = asked(client, 'a/m');
    await until(
      'it to wait',
      async () => (await client.unary(health, {})).messages[0]?.providers[0]?.queuedCalls === 1,
    );
    for (const line of streams) line.finish();
    expect([(await reply).error, await waiting]).toEqual([undefined, 'by undefined']);
  });
});

describe('a hundred reloads', () => {
  it('leave no timer, no connection, no listener and no configuration behind', { timeout: 60_000 }, async () => {
    const { upstream } = await streamingUpstream();
    const clock = countingClock();
    const gateway = await startGateway({ file: fileOf({ a: upstream.url }, PROBES + LISTINGS), clock });
    onTestFinished(() => gateway.close());
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    const listeners = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
    expect(await asked(client, 'a/m')).toBe('by undefined');
    const before = [clock.pending, listeners()];
    const configs: WeakRef<Config>[] = [];
    const change = (i: number) => {
      const file = fileOf({ [i % 2 ? 'a' : `b${i}`]: upstream.url }, `${PROBES + LISTINGS}mock: { seed: ${i} }`);
      const config = configOf(file);
      configs.push(new WeakRef(config));
      gateway.reload(config);
    };
    for (let i = 0; i < 100; i++) {
      change(i);
      if (i % 10 === 9) expect(await asked(client, 'a/m')).toBe('by undefined');
    }
    await until('one connection at most', () => upstream.open <= 1);
    expect(await gateway.metrics()).toContain('llm_config_reloads_total{result="ok"} 100');
    await until('no timer more than before', () => clock.pending <= (before[0] ?? 0));
    expect(listeners()).toBe(before[1]);
    await until('the configurations to go', () => {
      collectGarbage();
      return configs.filter((config) => config.deref() !== undefined).length <= 1;
    });
    expect(configs.at(-1)?.deref()).toBeDefined();
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
