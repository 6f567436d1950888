import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Destination, Job, Received, ResultOf } from './load/job.ts';
import { MockProvider } from './mock-provider.ts';
import { type Listening, start, startListening, stop } from './processes.ts';
import { tenancyFile } from './tenancy.ts';
import { providerNames } from './workload.ts';

export const doors = ['grpc', 'connect', 'openai'] as const;

export type Door = (typeof doors)[number];

/** A server that is measured. */
export interface Subject {
  readonly name: 'bare' | 'gateway';
  readonly pid: number;
  readonly destination: Destination;
  /** The page of its metrics. Empty: it has none. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export interface Tenancy {
  /** Where its state is. Undefined: in memory. */
  readonly redisUrl: string | undefined;
}

export interface GatewayOptions {
  /** The script that is the gateway. */
  readonly entry: string;
  /** Have it write a CPU profile. */
  readonly profile: boolean;
  /** With keys, limits, budgets and the cache. */
  readonly tenancy?: Tenancy | undefined;
  /** Its settings, besides its ports. Undefined: one provider for each mock upstream, by `providerNames`. */
  readonly env?: Readonly<Record<string, string>>;
}

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export const OUT_DIR = script('out/');

/** The processes around the servers that are measured. */
export class Bench {
  readonly upstreams: readonly MockProvider[];
  readonly #otlpSink: Listening;
  readonly #load: ChildProcess;
  /** When the upstream saw a connection close before its answer was over, by the model asked for. */
  readonly #closedMs = new Map<string, number>();

  private constructor(upstreams: readonly MockProvider[], otlpSink: Listening, load: ChildProcess) {
    this.upstreams = upstreams;
    this.#otlpSink = otlpSink;
    this.#load = load;
    upstreams[0]?.onNotice((notice) => {
      if (notice.what === 'closed') this.#closedMs.set(notice.model, notice.atMs);
      else load.send({ kind: 'received', model: notice.model } satisfies Received);
    });
  }

  /** With so many mock upstreams. */
  static async start(upstreams: number = providerNames.length): Promise<Bench> {
    const providers = Array.from({ length: upstreams }, () => MockProvider.start());
    const otlpSink = await startListening(script('otlp-sink.ts'));
    return new Bench(await Promise.all(providers), otlpSink, start(script('load/main.ts')));
  }

  get pids(): readonly number[] {
    const upstreams = this.upstreams.map(({ pid }) => pid);
    return [process.pid, ...upstreams, this.#otlpSink.pid, this.#load.pid ?? 0];
  }

  /** The first mock upstream itself. */
  get direct(): Destination {
    return { protocol: 'direct', address: this.upstreams[0]?.address ?? '', modelPrefix: '' };
  }

  async startBare(door: Door, profile: boolean): Promise<Subject> {
    const bare = await startListening(script(`bare-${door}.ts`), {
      args: this.upstreams.map(({ address }) => `http://${address}`),
      nodeOptions: profile ? profileInto(`bare-${door}`) : [],
    });
    return subject('bare', door, bare, profile);
  }

  /** The gateway as users start it, with logs, metrics and traces on. `env`: which providers it has. */
  async startGateway(door: Door, { entry, profile, tenancy, env = this.#usualEnv }: GatewayOptions): Promise<Subject> {
    const gateway = await startListening(entry, {
      args: ['serve'],
      nodeOptions: profile ? profileInto(`gateway-${door}`) : [],
      env: {
        ...env,
        ...(tenancy && { ANTIPHON_CONFIG: tenancyFile(OUT_DIR) }),
        ...(tenancy?.redisUrl && { REDIS_URL: tenancy.redisUrl }),
        ANTIPHON_GRPC_PORT: '0',
        ANTIPHON_HTTP_PORT: '0',
        ANTIPHON_METRICS_PORT: '0',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://${this.#otlpSink.addresses.http}`,
      },
    });
    return subject('gateway', door, gateway, profile);
  }

  get #usualEnv(): Readonly<Record<string, string>> {
    const [first, second] = this.upstreams;
    return {
      LLM_PROVIDER: providerNames[0],
      LLM_BASE_URL: `http://${first?.address}/v1`,
      LLM_API_KEY: 'bench-key',
      LLM_DEFAULT_MODEL: 'bench/answer',
      VLLM_BASE_URL: `http://${second?.address}/v1`,
      ALLOWED_MODELS: '*',
    };
  }

  /** Has the load process do a job. Rejects if it takes longer than `boundMs`. */
  async load<J extends Job>(job: J, boundMs: number): Promise<ResultOf<J>> {
    const abort = new AbortController();
    const fail = () => abort.abort();
    const timer = setTimeout(fail, boundMs);
    this.#load.once('exit', fail);
    try {
      this.#load.send(job);
      const [result] = await once(this.#load, 'message', { signal: abort.signal });
      return result;
    } catch (error) {
      throw new Error('the load process did not do its job in time', { cause: error });
    } finally {
      clearTimeout(timer);
      this.#load.off('exit', fail);
    }
  }

  /** When the upstream saw the connection of this model's request close. Undefined if it did not within a second. */
  async closedMs(model: string): Promise<number | undefined> {
    for (let waits = 0; waits < 100 && !this.#closedMs.has(model); waits++) await sleep(10);
    const atMs = this.#closedMs.get(model);
    this.#closedMs.delete(model);
    return atMs;
  }

  async stop(): Promise<void> {
    await Promise.all([
      ...this.upstreams.map((upstream) => upstream.stop()),
      ...[this.#otlpSink.process, this.#load].map((child) => stop(child)),
    ]);
  }
}

function subject(name: Subject['name'], door: Door, server: Listening, gently: boolean): Subject {
  const address = server.addresses[door === 'grpc' ? 'grpc' : 'http'] ?? '';
  const { metrics } = server.addresses;
  return {
    name,
    pid: server.pid,
    destination: { protocol: door, address: address.replace(/^https?:\/\//, ''), modelPrefix: `${providerNames[0]}/` },
    metrics: async () => (metrics === undefined ? '' : (await fetch(`http://${metrics}/metrics`)).text()),
    stop: () => stop(server.process, gently),
  };
}

/** Options of Node that make it write a CPU profile when it ends. */
function profileInto(folder: string): string[] {
  const dir = `${OUT_DIR}profiles/${folder}`;
  mkdirSync(dir, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${dir}`];
}
