import { create } from '@bufbuild/protobuf';
import {
  CallContextSchema,
  type CompleteRequest,
  type CompleteResponse,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { mediaRoom } from '../../../src/backends/http/media-room.ts';
import { Answers } from '../../../src/cache/answers.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { anonymous } from '../../../src/core/call.ts';
import { type Complete, compose } from '../../../src/core/complete.ts';
import type { GatewayError } from '../../../src/core/errors.ts';
import type { News } from '../../../src/core/news.ts';
import { noPolicy, type Policy } from '../../../src/core/policy.ts';
import { noSpan } from '../../../src/core/span.ts';
import { callLayers, type GatewayParts, targetLayers } from '../../../src/gateway.ts';
import { KeyRing } from '../../../src/layers/keys/key-ring.ts';
import { route } from '../../../src/layers/route.ts';
import { type Shadows, shadow } from '../../../src/layers/shadow.ts';
import { type Quotas, quotas } from '../../../src/quotas/quotas.ts';
import { noQuotas, type QuotaSettings } from '../../../src/quotas/settings.ts';
import { Pressure } from '../../../src/resilience/pressure.ts';
import { ProviderStates } from '../../../src/resilience/provider-states.ts';
import { llmService } from '../../../src/services/llm.ts';
import type { LlmService } from '../../../src/services/service.ts';
import { MemoryStore } from '../../../src/stores/memory.ts';
import { callMetrics } from '../../../src/telemetry/metrics.ts';
import { type CallOutcome, recorder } from '../../../src/telemetry/record.ts';
import { helloRequest } from '../../support/calls.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { type Ask, costOf, Player, type Plays, targetOf } from './player.ts';

export interface StageOptions {
  readonly plays: Plays;
  readonly policy?: Partial<Policy>;
  /** How many each provider has. */
  readonly keys?: number;
  readonly config?: Partial<Config>;
  readonly quotas?: QuotaSettings;
}

export interface CallOptions {
  readonly id?: string;
  readonly to: readonly string[];
  readonly request?: Partial<CompleteRequest>;
  readonly signal?: AbortSignal;
  readonly deadlineInMs?: number | undefined;
  /** Where a stream goes. Undefined: it does not stream. */
  readonly out?: StreamCompleteResponse[] | undefined;
  /** How long each message of a stream fills the caller's buffer. */
  readonly readsAfterMs?: number;
}

/** What the metrics page says of all calls. */
export interface Counted {
  readonly nanoUsd: number;
  readonly tokens: number;
  /** Calls that are with providers. */
  readonly active: number;
  readonly tries: number;
  /** Those of them that were broken off. */
  readonly cancelled: number;
}

/** How a call ended, and when. */
export interface Ended {
  response?: CompleteResponse | undefined;
  error?: GatewayError;
  atMs?: number;
}

const nothing = () => undefined;

/** Every layer in its place, around providers that follow a script. */
export class Stage {
  readonly clock: FakeClock = fakeClock();
  readonly news: News[] = [];
  readonly outcomes: CallOutcome[] = [];
  /** The costs in the lines of the log. */
  readonly logged: (number | undefined)[] = [];
  readonly states: ProviderStates;
  readonly store = new MemoryStore(this.clock, { maxEntries: 1_000, maxBytes: 1_000_000, maxAccounts: 1_000 });
  /** What the limits take every try for, in thousand-millionths of a dollar. */
  static readonly estimatedNanoUsd = 100n;
  readonly #limits: Quotas;
  readonly #player: Player;
  readonly #metrics: ReturnType<typeof callMetrics>;
  readonly #service: LlmService;
  readonly #shadows: Shadows;

  constructor({ plays, policy = {}, keys = 1, config = {}, quotas: settings = noQuotas }: StageOptions) {
    const { clock } = this;
    const known = Object.keys(plays).map(targetOf);
    const providers = [...new Set(known.map(({ provider }) => provider))];
    this.#player = new Player(plays, clock);
    this.#metrics = callMetrics({ known, clock });
    const whole = { ...configOf(policy), ...config };
    const places = providers.map((name) => ({ name, maxConcurrency: undefined }));
    this.states = new ProviderStates({ ...whole, providers: places }, clock, (one) => this.news.push(one));
    const parts = this.#parts(whole);
    const stacks = new Map(providers.map((name) => [name, this.#stack(parts, name, keys)]));
    const send: Complete = (call) => stacks.get(call.target?.provider ?? '')?.(call) ?? Promise.reject(new Error('?'));
    this.#shadows = shadow({ ...parts, send });
    const price = () => costOf(Stage.estimatedNanoUsd);
    this.#limits = quotas({ ...parts, settings, price, isFree: () => false, longestCallMs: 1_000_000 });
    this.#service = llmService({
      complete: this.#complete(parts, (provider) => stacks.get(provider)),
      models: () => [],
      health: () => {
        throw new Error('not asked');
      },
      refused: nothing,
      clock,
    });
  }

  /** Each time that a provider was asked. */
  get asks(): readonly Ask[] {
    return this.#player.asks;
  }

  #parts(config: Config): GatewayParts {
    const { metrics } = this.#metrics;
    const log = { callLine: (_: unknown, line: { cost_nano_usd?: number | undefined }) => this.#log(line) };
    const record = recorder({ metrics, log, redact: (text) => text });
    const parts: Omit<GatewayParts, 'models'> & { models: Partial<GatewayParts['models']> } = {
      config,
      models: { allowed: () => true, retirement: nothing },
      states: this.states,
      ledgers: this.store,
      store: this.store,
      clock: this.clock,
      redact: (text) => text,
      metrics,
      answers: new Answers(config.cache, { clock: this.clock }),
      tell: (one) => this.news.push(one),
      keyAside: nothing,
      memoryShare: () => 0,
      newId: () => 'id',
      record: (outcome) => {
        this.outcomes.push(outcome);
        record(outcome);
      },
    };
    return parts as GatewayParts;
  }

  #log({ cost_nano_usd }: { cost_nano_usd?: number | undefined }): void {
    this.logged.push(cost_nano_usd);
  }

  #stack(parts: GatewayParts, name: string, keys: number): Complete {
    const state = this.states.of(name);
    if (!state) throw new Error('unknown provider');
    const all = Array.from({ length: keys }, (_, i) => ({ name: `${name}-${i}`, value: `secret-${i}`, weight: 1 }));
    const place = { name, wantsBytes: undefined, promptCaching: undefined, ring: new KeyRing(all, this.clock) };
    return compose(targetLayers(parts, place, state, mediaRoom(1)), (call) => this.#player.complete(call));
  }

  #complete(parts: GatewayParts, stackOf: (provider: string) => Complete | undefined): Complete {
    const { clock, states } = this;
    const layers = callLayers(parts, {
      providerName: nothing,
      pressure: new Pressure({ ...parts.config.shedding, enabled: false }, clock, () => 0),
      select: ({ request }) => ({ targets: request.fallbackModels.map(targetOf), reason: 'scripted', warnings: [] }),
      shadows: this.#shadows,
      limits: this.#limits,
    });
    const routing = route({
      stackOf,
      availability: (target) => states.availability(target),
      budgetOf: (provider) => states.of(provider)?.budget ?? { take: nothing, count: () => nothing },
      fastestMs: (target) => states.targets.of(target).latency.fastestMs,
      isInstant: () => false,
      clock,
      tell: parts.tell,
    });
    return compose(layers, routing);
  }

  /** Begins a call. */
  call({ to, request = {}, signal, deadlineInMs, out, id = 'call-1', readsAfterMs = 0 }: CallOptions): Ended {
    const ended: Ended = {};
    const receivedMs = this.clock.now();
    const inbound = {
      id,
      caller: anonymous,
      context: create(CallContextSchema, { traceId: 't', sourceAgent: 'a', sessionId: 's' }),
      signal: signal ?? new AbortController().signal,
      deadlineMs: deadlineInMs === undefined ? undefined : receivedMs + deadlineInMs,
      receivedMs,
      span: noSpan,
    };
    const asked = { ...helloRequest('any'), fallbackModels: [...to], ...request };
    const answer = out
      ? this.#service.streamComplete(asked, inbound, {
          write: (message) => {
            out.push(message);
            return readsAfterMs === 0;
          },
          drained: () => new Promise((resolve) => this.clock.after(readsAfterMs, resolve)),
        })
      : this.#service.complete(asked, inbound);
    Promise.resolve(answer).then(
      (response) => {
        const last = out?.at(-1)?.event;
        ended.response = response ?? (last?.case === 'completed' ? last.value : undefined);
        ended.atMs = this.clock.now();
      },
      (error) => Object.assign(ended, { error, atMs: this.clock.now() }),
    );
    return ended;
  }

  async counted(): Promise<Counted> {
    const { resourceMetrics } = await this.#metrics.producer.collect();
    const families = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    const sum = (name: string, keep: (labels: Record<string, unknown>) => boolean = () => true): number =>
      (families.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []).reduce(
        (total, { value, attributes }) => total + (keep(attributes) ? Number(value) : 0),
        0,
      );
    // The other kinds of tokens are parts of these.
    const isWhole = ({ token_type }: Record<string, unknown>) => token_type === 'input' || token_type === 'output';
    return {
      nanoUsd: Math.round(sum('llm_cost_usd_total') * 1e9),
      tokens: sum('llm_tokens_total', isWhole),
      active: sum('llm_active_requests'),
      tries: sum('llm_attempts_total'),
      cancelled: sum('llm_attempts_total', ({ error_type }) => error_type === 'cancelled'),
    };
  }

  /** Ends all shadows, and waits until it is written down what calls have spent. */
  async close(): Promise<void> {
    await this.#shadows.close();
    await this.#limits.settled();
  }
}

/** One rule for all calls. */
function configOf(policy: Partial<Policy>): Config {
  const config = loadConfig({}, () => Buffer.from(''));
  const match = { requestTypes: undefined, sourceAgents: undefined, teams: undefined, labels: {}, models: ['*'] };
  const rules = [{ match, policy: { ...noPolicy, rule: 'all', ...policy } }];
  return { ...config, routing: { ...config.routing, rules } };
}
