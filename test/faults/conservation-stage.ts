import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { LEDGER } from '../../src/quotas/meter.ts';
import { type Balance, type Store, StoreError } from '../../src/stores/store.ts';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { chatBody, type Script, startUpstream } from '../support/upstream.ts';

/** What a provider says that an answer used: less than is held for it. */
const PROMPT_TOKENS = 2;
export const MAX_TOKENS = 40;
/** The request's own estimate is below this. */
export const MOST_PER_CALL = MAX_TOKENS + 20;

const CALLERS = 48;

/** Numbers that look like chance, the same for the same seed. Source: "mulberry32", in the public domain. */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Some of its answers fail, break off, or come late. */
function provider(random: () => number): Script {
  return async (line) => {
    const luck = random();
    const completion = 1 + Math.floor(random() * (MAX_TOKENS - 1));
    const usage = { prompt_tokens: PROMPT_TOKENS, completion_tokens: completion };
    const body = { ...chatBody('Hello'), usage: { ...usage, total_tokens: PROMPT_TOKENS + completion } };
    if (luck < 0.1) return line.json(500, { error: { message: 'no' } });
    if (luck < 0.13) return void line.socket.destroy();
    if (luck < 0.3) await sleep(random() * 30);
    line.json(200, body);
  };
}

export interface ConservationPlan {
  readonly replicas: number;
  readonly calls: number;
  /** After so many calls a replica is killed, and another takes its place. */
  readonly kills: readonly number[];
  readonly env: Readonly<Record<string, string>>;
  /** Further lines of the configuration file. */
  readonly file: string;
  /** The most tokens in a month. */
  readonly limit: number;
  readonly seed: number;
}

export interface Played {
  /** What the lines of the logs say that calls used, in tokens. */
  readonly loggedTokens: number;
  readonly answered: number;
  readonly refused: number;
  readonly fallbacks: number;
  readonly cancelled: number;
}

interface Replica {
  readonly gateway: GatewayProcess;
  readonly client: DoorClient;
}

/** Makes random calls to gateways that share a store, and kills some of them on the way. */
export class ConservationStage {
  readonly #plan: ConservationPlan;
  readonly #random: () => number;
  readonly #all: GatewayProcess[] = [];
  /** While one takes the place of another, calls wait for it. */
  readonly #replicas: Promise<Replica>[] = [];
  #file = '';
  #begun = 0;
  readonly #counts = { answered: 0, refused: 0 };

  constructor(plan: ConservationPlan) {
    this.#plan = plan;
    this.#random = chance(plan.seed);
  }

  async play(): Promise<Played> {
    await this.#open();
    await Promise.all(Array.from({ length: CALLERS }, () => this.#caller()));
    // What was settled after the last answers has been written by then, or is sent on while the process drains.
    const left = await Promise.all(this.#replicas);
    for (const { gateway } of left) gateway.signal('SIGTERM');
    await Promise.all(left.map(({ gateway }) => gateway.exited));
    const lines = this.#all.flatMap((gateway) => gateway.lines()).filter(({ msg }) => msg === 'call');
    const sum = (of: (line: Record<string, unknown>) => unknown) =>
      lines.reduce((total, line) => total + Number(of(line) ?? 0), 0);
    return {
      ...this.#counts,
      loggedTokens: sum(({ input_tokens }) => input_tokens) + sum(({ output_tokens }) => output_tokens),
      fallbacks: sum(({ fallbacks }) => fallbacks),
      cancelled: sum(({ status }) => (status === 'CANCELLED' ? 1 : 0)),
    };
  }

  async #open(): Promise<void> {
    const { limit, replicas, file } = this.#plan;
    const [flaky, steady] = await Promise.all([1, 2].map(() => startUpstream(provider(this.#random))));
    if (!flaky || !steady) throw new Error('no upstream');
    onTestFinished(() => Promise.all([flaky.close(), steady.close()]).then(() => undefined));
    const place = (name: string, url: string) =>
      `  ${name}: { kind: openai_compatible, base_url: "${url}", models: [m] }`;
    this.#file = [
      'providers:',
      place('flaky', flaky.url),
      place('steady', steady.url),
      `quotas: { all: { tokens_per_month: ${limit}, requests_per_month: 1000000 }, models: { "*": { tokens_per_month: 100000000 } } }`,
      'breaker: { enabled: false }',
      'retry: { base_ms: 1, max_ms: 5 }',
      'server: { drain_delay_ms: 0 }',
      'models: { allowed: ["*"], provider_order: [flaky, steady] }',
      file,
    ].join('\n');
    for (let i = 0; i < replicas; i++) this.#replicas.push(this.#spawn());
  }

  async #spawn(): Promise<Replica> {
    const gateway = await spawnGateway({ env: this.#plan.env, file: this.#file });
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    this.#all.push(gateway);
    return { gateway, client };
  }

  async #caller(): Promise<void> {
    const { calls, kills, replicas } = this.#plan;
    while (this.#begun < calls) {
      const number = this.#begun++;
      if (kills.includes(number)) this.#replicas[number % replicas] = this.#another(this.#replicas[number % replicas]);
      const replica = await this.#replicas[number % replicas];
      if (replica) await this.#call(replica);
    }
  }

  async #another(killed: Promise<Replica> | undefined): Promise<Replica> {
    const gateway = (await killed)?.gateway;
    gateway?.signal('SIGKILL');
    await gateway?.exited;
    return this.#spawn();
  }

  async #call({ client }: Replica): Promise<void> {
    const leaves = this.#random() < 0.15 ? new AbortController() : undefined;
    const leaving = leaves && setTimeout(() => leaves.abort(), this.#random() * 15);
    const request = { ...helloRequest('flaky/m'), fallbackModels: ['steady/m'], maxTokens: MAX_TOKENS };
    const options = { timeoutMs: 2_000, ...(leaves ? { signal: leaves.signal } : {}) };
    const { error } = await client.unary(LlmService.method.complete, request, options);
    clearTimeout(leaving);
    if (!error) this.#counts.answered++;
    if (error?.errorInfo?.reason === 'BUDGET_EXCEEDED') this.#counts.refused++;
  }
}

function unlessNotConnected(error: unknown): undefined {
  if (!(error instanceof StoreError) || error.failure !== 'unreachable') throw error;
}

const month = () => new Date().toISOString().slice(0, 7);

/** Waits until nothing is held any more: what a killed replica held is given back when its time is up. */
export async function whenNothingIsHeld(store: Store): Promise<Balance> {
  const account = `all::tokens:month:${month()}`;
  for (;;) {
    // A reservation that cannot be had looks after those whose time is up.
    const holds = [{ account, amount: 1, limit: 0, ttlMs: 1_000 }];
    const balance = await store
      .reserve({ ledger: LEDGER, id: `look-${Math.random()}`, ttlMs: 1, holds })
      .then(() => store.balances(LEDGER, [account]))
      .then(([one]) => one)
      .catch(unlessNotConnected);
    if (balance?.held === 0) return balance;
    await sleep(100);
  }
}
