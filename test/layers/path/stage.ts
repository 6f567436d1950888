import { create } from '@bufbuild/protobuf';
import {
  CallContextSchema,
  type CompleteRequest,
  type CompleteResponse,
  CompleteResponseSchema,
  type Cost,
  CostSchema,
  CostStatus,
  type FinishReason,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { mediaRoom } from '../../../src/backends/http/media-room.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { unlessAborted } from '../../../src/core/abort.ts';
import type { Call } from '../../../src/core/call.ts';
import { type Complete, compose } from '../../../src/core/complete.ts';
import { type ErrorKind, GatewayError } from '../../../src/core/errors.ts';
import { textDelta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import type { News } from '../../../src/core/news.ts';
import { noPolicy, type Policy } from '../../../src/core/policy.ts';
import { sleep } from '../../../src/core/sleep.ts';
import { noSpan } from '../../../src/core/span.ts';
import { addSpent } from '../../../src/core/spent.ts';
import type { Target } from '../../../src/core/target.ts';
import { estimateUsage } from '../../../src/core/usage.ts';
import { callLayers, type GatewayParts, targetLayers } from '../../../src/gateway.ts';
import { KeyRing } from '../../../src/layers/keys/key-ring.ts';
import { route } from '../../../src/layers/route.ts';
import { shadow } from '../../../src/layers/shadow.ts';
import { Pressure } from '../../../src/resilience/pressure.ts';
import { ProviderStates } from '../../../src/resilience/provider-states.ts';
import { llmService } from '../../../src/services/llm.ts';
import { callMetrics } from '../../../src/telemetry/metrics.ts';
import { type CallOutcome, recorder } from '../../../src/telemetry/record.ts';
import { helloRequest } from '../../support/calls.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

/** What a provider does when it is asked. */
export interface Play {
  /** Until the first piece, or the whole answer, and then between pieces, in milliseconds. */
  readonly afterMs: number;
  readonly paceMs: number;
  /** Its words. None: it ends without a word. */
  readonly pieces: number;
  readonly end: FinishReason | ErrorKind | 'hang';
  readonly retryAfterMs?: number | undefined;
  /** Undefined: the model has no price. */
  readonly nanoUsd: bigint | undefined;
}

/** One time that a provider was asked. */
export interface Ask {
  readonly target: Target;
  readonly number: number;
  readonly callId: string;
  /** Shadows have the lowest priority, and no call of the stage has. */
  readonly isShadow: boolean;
  readonly play: Play;
  readonly atMs: number;
  isOver: boolean;
}

export interface StageOptions {
  /** By "provider/model": the n-th time with the n-th play, then with the last one. */
  readonly plays: Readonly<Record<string, readonly Play[]>>;
  readonly policy?: Partial<Policy>;
  readonly keys?: number;
  readonly config?: Partial<GatewayParts['config']>;
}

export const targetOf = (name: string): Target => {
  const [provider = '', model = ''] = name.split('/');
  return { provider, model };
};

export const nameOf = ({ provider, model }: Target): string => `${provider}/${model}`;

/** What a try costs that another one overtook. */
export const LOST_NANO_USD = 1n;

const costOf = (nanoUsd: bigint | undefined): Cost =>
  nanoUsd === undefined
    ? create(CostSchema, { status: CostStatus.UNPRICED })
    : create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: nanoUsd, inputNanoUsd: nanoUsd });

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

/** How a call ended. */
export interface Ended {
  response?: CompleteResponse | undefined;
  error?: GatewayError;
  atMs?: number;
}

/** Every layer in its place, around providers that follow a script. */
export class Stage {
  readonly clock: FakeClock = fakeClock();
  readonly news: News[] = [];
  readonly asks: Ask[] = [];
  readonly outcomes: CallOutcome[] = [];
  readonly states: ProviderStates;
  readonly #plays: StageOptions['plays'];
  readonly #metrics: ReturnType<typeof callMetrics>;
  readonly #service: ReturnType<typeof llmService>;
  readonly #shadows: ReturnType<typeof shadow>;
  /** Costs in the lines of the log. */
  readonly logged: (number | undefined)[] = [];

  constructor({ plays, policy = {}, keys = 1, config = {} }: StageOptions) {
    const { clock } = this;
    const targets = Object.keys(plays).map(targetOf);
    const providers = [...new Set(targets.map(({ provider }) => provider))];
    const tell = (one: News) => void this.news.push(one);
    const nothing = () => undefined;
    this.#plays = plays;
    this.#metrics = callMetrics({ known: targets, clock });
    const record = recorder({
      metrics: this.#metrics.metrics,
      log: { callLine: (_, line) => void this.logged.push(line.cost_nano_usd) },
      redact: (text) => text,
    });
    const match = {
      requestTypes: undefined,
      sourceAgents: undefined,
      teams: undefined,
      labels: {},
      models: ['*'],
    };
    const base = loadConfig({}, () => Buffer.from(''));
    const whole = {
      ...base,
      ...config,
      routing: { ...base.routing, rules: [{ match, policy: { ...noPolicy, rule: 'all', ...policy } }] },
    };
    this.states = new ProviderStates(
      { ...whole, providers: providers.map((name) => ({ name, maxConcurrency: undefined })) },
      clock,
      tell,
    );
    const { states } = this;
    const parts = {
      config: whole,
      models: { allowed: () => true, retirement: nothing },
      states,
      clock,
      metrics: this.#metrics.metrics,
      tell,
      keyAside: nothing,
      memoryShare: () => 0,
      record: (outcome: CallOutcome) => {
        this.outcomes.push(outcome);
        record(outcome);
      },
    } as unknown as GatewayParts;
    const stacks = new Map(providers.map((name) => [name, this.#stack(parts, name, keys)]));
    this.#shadows = shadow({
      clock,
      tell,
      send: (call) => stacks.get(call.target?.provider ?? '')?.(call) ?? Promise.reject(new Error('no provider')),
    });
    const layers = callLayers(parts, {
      providerName: nothing,
      pressure: new Pressure({ ...whole.shedding, enabled: false }, clock, () => 0),
      select: ({ request }) => ({ targets: request.fallbackModels.map(targetOf), reason: 'scripted', warnings: [] }),
      shadows: this.#shadows,
    });
    const complete = compose(
      layers,
      route({
        stackOf: (provider) => stacks.get(provider),
        availability: (target) => states.availability(target),
        budgetOf: (provider) => states.of(provider)?.budget ?? { take: nothing, count: () => nothing },
        fastestMs: (target) => states.targets.of(target).latency.fastestMs,
        isInstant: ({ provider }) => provider === 'instant',
        price: () => costOf(LOST_NANO_USD),
        clock,
        tell,
      }),
    );
    this.#service = llmService({
      complete,
      models: () => [],
      health: () => {
        throw new Error('not asked');
      },
      refused: nothing,
      clock,
    });
  }

  #stack(parts: GatewayParts, name: string, keys: number): Complete {
    const state = parts.states.of(name);
    if (!state) throw new Error('unknown provider');
    const ring = new KeyRing(
      Array.from({ length: keys }, (_, i) => ({ name: `${name}-${i}`, value: `secret-${i}`, weight: 1 })),
      this.clock,
    );
    const wantsBytes = undefined as never;
    return compose(targetLayers(parts, { name, wantsBytes, ring }, state, mediaRoom(1)), (call) => this.#play(call));
  }

  /** Follows its script as the backend over HTTP does. */
  async #play(call: Call): Promise<CompleteResponse> {
    const { clock } = this;
    const target = call.target ?? targetOf('');
    const plays = this.#plays[nameOf(target)] ?? [];
    const number = this.asks.filter((ask) => nameOf(ask.target) === nameOf(target)).length;
    const play = plays[Math.min(number, plays.length - 1)];
    if (!play) throw new Error(`no play for ${nameOf(target)}`);
    const isShadow = call.priority === 'low';
    const ask: Ask = { target, number, callId: call.id, isShadow, play, atMs: clock.now(), isOver: false };
    this.asks.push(ask);
    const fold = new Fold();
    call.onConnected();
    try {
      await this.#say(call, ask, fold);
      if (play.end === 'hang') await sleep(1e9, clock, call.signal);
      if (typeof play.end === 'string')
        throw new GatewayError(play.end as ErrorKind, 'It failed.', {
          ...(play.retryAfterMs === undefined ? {} : { retryAfterMs: play.retryAfterMs }),
        });
      const usage = estimateUsage(call.request, fold.parts);
      return create(CompleteResponseSchema, {
        content: [...fold.parts],
        finishReason: play.end,
        usage,
        cost: costOf(play.nanoUsd),
      });
    } catch (thrown) {
      if (fold.parts.length > 0) {
        const usage = estimateUsage(call.request, fold.parts);
        const cost = costOf(play.nanoUsd);
        addSpent(call.trail, usage, cost);
        if (call.attempt) Object.assign(call.attempt, { usage, cost });
      }
      throw thrown;
    } finally {
      call.trail.upstreamMs += clock.now() - ask.atMs;
      ask.isOver = true;
    }
  }

  async #say({ sink, signal }: Call, { target, number, play }: Ask, fold: Fold): Promise<void> {
    const { clock } = this;
    await sleep(play.afterMs, clock, signal);
    for (let i = 0; i < play.pieces; i++) {
      if (i > 0) await sleep(play.paceMs, clock, signal);
      const delta = textDelta(`${nameOf(target)}#${number}:${i} `);
      fold.add(delta);
      if (sink && !sink.emit(delta)) await unlessAborted(sink.ready(), signal);
    }
  }

  /** Begins a call. */
  call({
    to,
    request = {},
    signal = new AbortController().signal,
    deadlineInMs,
    out,
    id = 'call-1',
    readsAfterMs = 0,
  }: CallOptions): Ended {
    const ended: Ended = {};
    const now = this.clock.now();
    const inbound = {
      id,
      context: create(CallContextSchema, { traceId: 't', sourceAgent: 'a', sessionId: 's' }),
      signal,
      deadlineMs: deadlineInMs === undefined ? undefined : now + deadlineInMs,
      receivedMs: now,
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

  /** What the metrics page says. */
  async counted(): Promise<Counted> {
    const { resourceMetrics } = await this.#metrics.producer.collect();
    const families = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    const sum = (name: string, keep: (labels: Record<string, unknown>) => boolean = () => true): number =>
      (families.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []).reduce(
        (total, { value, attributes }) => total + (keep(attributes) ? Number(value) : 0),
        0,
      );
    const plain = ({ token_type }: Record<string, unknown>) => token_type === 'input' || token_type === 'output';
    return {
      nanoUsd: Math.round(sum('llm_cost_usd_total') * 1e9),
      tokens: sum('llm_tokens_total', plain),
      active: sum('llm_active_requests'),
      tries: sum('llm_attempts_total'),
      cancelled: sum('llm_attempts_total', ({ error_type }) => error_type === 'cancelled'),
    };
  }

  close(): Promise<void> {
    return this.#shadows.close();
  }
}
