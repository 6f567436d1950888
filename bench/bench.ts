import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Destination, Job, Received, ResultOf } from './load/job.ts';
import { type Listening, start, startListening, stop } from './processes.ts';
import type { Notice } from './upstream.ts';

export type Door = 'grpc' | 'connect';

/** A server that is measured. */
export interface Subject {
  readonly name: 'bare' | 'gateway';
  readonly pid: number;
  readonly destination: Destination;
  stop(): Promise<void>;
}

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export const OUT_DIR = script('out/');

/** The processes around the servers that are measured. */
export class Bench {
  readonly #upstream: Listening;
  readonly #otlpSink: Listening;
  readonly #load: ChildProcess;
  /** When the upstream saw a connection close before its answer was over, by the model asked for. */
  readonly #closedMs = new Map<string, number>();

  private constructor(upstream: Listening, otlpSink: Listening, load: ChildProcess) {
    this.#upstream = upstream;
    this.#otlpSink = otlpSink;
    this.#load = load;
    upstream.process.on('message', (notice: Notice) => {
      if (notice.what === 'closed') this.#closedMs.set(notice.model, notice.atMs);
      else load.send({ kind: 'received', model: notice.model } satisfies Received);
    });
  }

  static async start(): Promise<Bench> {
    const servers = ['upstream.ts', 'otlp-sink.ts'].map((name) => startListening(script(name)));
    const [upstream, otlpSink] = (await Promise.all(servers)) as [Listening, Listening];
    return new Bench(upstream, otlpSink, start(script('load/main.ts')));
  }

  get pids(): readonly number[] {
    return [process.pid, this.#upstream.pid, this.#otlpSink.pid, this.#load.pid ?? 0];
  }

  /** The mock upstream itself. */
  get direct(): Destination {
    return { protocol: 'direct', address: this.#upstream.addresses.http ?? '', modelPrefix: '' };
  }

  async startBare(door: Door, profile: boolean): Promise<Subject> {
    const bare = await startListening(script(`bare-${door}.ts`), {
      args: [`http://${this.direct.address}`],
      nodeOptions: profile ? profileInto(`bare-${door}`) : [],
    });
    return subject('bare', door, bare, profile);
  }

  /** The gateway as users start it, with logs, metrics and traces on. */
  async startGateway(door: Door, entry: string, profile: boolean): Promise<Subject> {
    const gateway = await startListening(entry, {
      args: ['serve'],
      nodeOptions: profile ? profileInto(`gateway-${door}`) : [],
      env: {
        LLM_PROVIDER: 'bench',
        LLM_BASE_URL: `http://${this.direct.address}/v1`,
        LLM_API_KEY: 'bench-key',
        LLM_DEFAULT_MODEL: 'bench/answer',
        ALLOWED_MODELS: '*',
        ANTIPHON_GRPC_PORT: '0',
        ANTIPHON_HTTP_PORT: '0',
        ANTIPHON_METRICS_PORT: '0',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://${this.#otlpSink.addresses.http}`,
      },
    });
    return subject('gateway', door, gateway, profile);
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
    await Promise.all([this.#upstream.process, this.#otlpSink.process, this.#load].map((child) => stop(child)));
  }
}

function subject(name: Subject['name'], door: Door, server: Listening, gently: boolean): Subject {
  const address = server.addresses[door === 'grpc' ? 'grpc' : 'http'] ?? '';
  return {
    name,
    pid: server.pid,
    destination: { protocol: door, address: address.replace(/^https?:\/\//, ''), modelPrefix: 'bench/' },
    stop: () => stop(server.process, gently),
  };
}

/** Options of Node that make it write a CPU profile when it ends. */
function profileInto(folder: string): string[] {
  const dir = `${OUT_DIR}profiles/${folder}`;
  mkdirSync(dir, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${dir}`];
}
