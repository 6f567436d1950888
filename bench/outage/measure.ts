import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Bench, type Subject } from '../bench.ts';
import type { LoopJob, LoopResult } from '../load/job.ts';
import { SPARE_MS } from '../loops.ts';
import { machineFacts } from '../machine.ts';
import { afterMs, answerModel, streamModel } from '../workload.ts';
import { counts, difference } from './counts.ts';
import { type Mode, modes } from './modes.ts';
import type { OutageReport, OutageRow } from './report.ts';

export interface OutageOptions {
  /** Of each outage. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** The script that is the gateway. */
  readonly entry: string;
}

const CONFIGURATION = fileURLToPath(new URL('gateway.yaml', import.meta.url));
const STRATEGIES = ['round_robin', 'least_latency', 'priority'];

const CALLERS = 50;
const DEADLINE_MS = 5_000;
const ANSWER_MS = 30;
const STREAM = afterMs(ANSWER_MS, streamModel(40, 200));

/** How long the load is on before something goes wrong. */
const LEAD_SECONDS = 1;

/** However many calls fail, the load goes on. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** What callers get while one of three providers is in trouble, for each strategy and each kind of trouble. */
export async function measureOutage(options: OutageOptions, say: (line: string) => void): Promise<OutageReport> {
  const bench = await Bench.start(3);
  const rows: OutageRow[] = [];
  try {
    for (const strategy of STRATEGIES) {
      for (const mode of modes) {
        say(`outage: ${strategy}, one provider ${mode.name}`);
        rows.push(await new Outage(bench, options, strategy, mode).measure());
      }
    }
    const { seconds } = options;
    return { at: new Date().toISOString(), seconds, callers: CALLERS, deadlineMs: DEADLINE_MS, rows };
  } finally {
    await bench.stop();
  }
}

/** One kind of trouble, with a gateway of its own, which knows nothing of what was before. */
class Outage {
  readonly #bench: Bench;
  readonly #options: OutageOptions;
  readonly #strategy: string;
  readonly #mode: Mode;

  constructor(bench: Bench, options: OutageOptions, strategy: string, mode: Mode) {
    this.#bench = bench;
    this.#options = options;
    this.#strategy = strategy;
    this.#mode = mode;
  }

  async measure(): Promise<OutageRow> {
    const { entry, warmUpSeconds } = this.#options;
    const { upstreams } = this.#bench;
    const gateway = await this.#bench.startGateway('grpc', { entry, profile: false, env: this.#env });
    try {
      await this.#load(gateway, warmUpSeconds);
      const facts = machineFacts([...this.#bench.pids, gateway.pid]);
      const before = await counts(upstreams, gateway);
      const { calls, failed, first, errors } = await this.#loadDuring(gateway);
      const counted = difference(await counts(upstreams, gateway), before);
      const [strategy, mode, machine] = [this.#strategy, this.#mode.name, facts.end()];
      return { strategy, mode, calls, failed, ...first, ...counted, errors, machine };
    } finally {
      await gateway.stop();
    }
  }

  async #loadDuring(gateway: Subject): Promise<LoopResult> {
    const [troubled] = this.#bench.upstreams;
    if (!troubled) throw new Error('there is no provider');
    const load = this.#load(gateway, LEAD_SECONDS + this.#options.seconds);
    await sleep(LEAD_SECONDS * 1000);
    const end = await this.#mode.begin(troubled);
    try {
      return await load;
    } finally {
      await end();
    }
  }

  #load({ destination }: Subject, seconds: number): Promise<LoopResult> {
    const job: LoopJob = {
      kind: 'loop',
      to: { ...destination, route: this.#strategy, deadlineMs: DEADLINE_MS },
      models: [afterMs(ANSWER_MS, answerModel), STREAM],
      concurrency: CALLERS,
      seconds,
      rampMs: ANSWER_MS,
      errorLimit: NO_LIMIT,
    };
    return this.#bench.load(job, seconds * 1000 + SPARE_MS);
  }

  get #env(): Readonly<Record<string, string>> {
    const [a = '', b = '', c = ''] = this.#bench.upstreams.map(({ address }) => address);
    return { ANTIPHON_CONFIG: CONFIGURATION, BENCH_A: a, BENCH_B: b, BENCH_C: c, BENCH_MODEL: STREAM };
  }
}
