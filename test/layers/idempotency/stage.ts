import { create } from '@bufbuild/protobuf';
import {
  AttemptSchema,
  type CompleteRequest,
  type CompleteResponse,
  CompleteResponseSchema,
  CostStatus,
  FinishReason,
} from '#gen/antiphon/v1/completion_pb.js';
import { type Call, newTrail } from '../../../src/core/call.ts';
import type { Clock } from '../../../src/core/clock.ts';
import type { Complete } from '../../../src/core/complete.ts';
import { GatewayError, toGatewayError } from '../../../src/core/errors.ts';
import { textDelta } from '../../../src/core/events.ts';
import type { IdempotencyResult } from '../../../src/core/news.ts';
import { Claims } from '../../../src/idempotency/claims.ts';
import type { IdempotencySettings } from '../../../src/idempotency/settings.ts';
import { idempotency } from '../../../src/layers/idempotency.ts';
import { helloRequest, type ListSink, listSink, settle, testCall } from '../../support/calls.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { type FakeStore, fakeStore } from '../../support/fake-store.ts';

export const SETTINGS: IdempotencySettings = {
  ttlMs: 20_000,
  maxAnswerBytes: 10_000,
  waitMs: 5_000,
  leaseMs: 600,
  maxCallMs: 15_000,
};

export const STALL_MS = 1_000;
export const COST = 100n;

export const left = () => new GatewayError('cancelled', 'The caller has left.');
export const broken = () => new GatewayError('upstream_reset', 'The provider broke off.', { retryAfterMs: 7 });

/** One time that a provider is asked. */
export interface Ask {
  readonly replica: Replica;
  readonly call: Call;
  /** Undefined: it is under way. */
  ended: 'answered' | 'failed' | undefined;
  answer(text: string): void;
  emit(text: string): boolean;
  fail(error?: GatewayError): void;
}

/** A call, and what has come of it. */
export interface Caller {
  readonly replica: Replica;
  readonly call: Call;
  readonly sink: ListSink | undefined;
  readonly letGo: GatewayError[];
  /** Undefined: nothing yet. */
  end: CompleteResponse | GatewayError | undefined;
  leave(reason?: GatewayError): void;
}

export const textOf = (end: Caller['end']): string | undefined => {
  if (!end || end instanceof Error) return undefined;
  return end.content.map(({ part }) => (part.case === 'text' ? part.value : part.case)).join('');
};

export const streamedText = (sink: ListSink | undefined): string =>
  (sink?.deltas ?? []).map((delta) => (delta.case === 'textDelta' ? delta.value.text : delta.case)).join('');

const answerOf = (text: string): CompleteResponse =>
  create(CompleteResponseSchema, {
    content: [{ part: { case: 'text', value: text } }],
    finishReason: FinishReason.STOP,
    usage: { inputTokens: 3n, outputTokens: 2n, totalTokens: 5n },
    cost: { status: CostStatus.PRICED, totalNanoUsd: COST },
  });

/** One process. When it has crashed, nothing of it goes on. */
export class Replica {
  readonly asks: Ask[] = [];
  readonly results: IdempotencyResult[] = [];
  readonly #complete: Complete;
  #isAlive = true;

  constructor(clock: FakeClock, store: FakeStore, settings: IdempotencySettings) {
    const own = this.#clock(clock);
    this.#complete = idempotency({
      settings,
      claims: new Claims({ store: this.#store(store), clock: own, settings }),
      clock: own,
      stallMs: STALL_MS,
      tell: (news) => void (news.type === 'idempotency' && this.results.push(news.result)),
    })((call) => this.#ask(call));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  crash(): void {
    this.#isAlive = false;
  }

  call(request: Partial<CompleteRequest> = {}, more: Partial<Call> = {}, streams = false): Caller {
    const abort = new AbortController();
    const sink = streams ? listSink() : undefined;
    const letGo: GatewayError[] = [];
    const call = testCall({
      request: { ...helloRequest(), idempotencyKey: 'key-1', ...request },
      signal: abort.signal,
      trail: newTrail(),
      sink,
      letGo: (error) => letGo.push(error),
      ...more,
    });
    const caller: Caller = {
      ...{ replica: this, call, sink, letGo, end: undefined },
      leave: (reason = left()) => abort.abort(reason),
    };
    void this.#complete(call)
      .catch(toGatewayError)
      .then((end) => {
        if (this.#isAlive) caller.end = end;
      });
    return caller;
  }

  #ask(call: Call): Promise<CompleteResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<CompleteResponse>();
    const { trail } = call;
    trail.attempts.push(create(AttemptSchema, { provider: 'test' }));
    trail.target = { provider: 'test', model: 'm' };
    let said = '';
    const ask: Ask = {
      ...{ replica: this, call, ended: undefined },
      emit(text) {
        said += text;
        return call.sink?.emit(textDelta(text)) ?? true;
      },
      answer(text) {
        ask.ended ??= 'answered';
        if (call.sink && text !== said) ask.emit(text);
        resolve(answerOf(text));
      },
      fail(error = broken()) {
        ask.ended ??= 'failed';
        reject(error);
      },
    };
    call.signal.addEventListener('abort', () => ask.fail(toGatewayError(call.signal.reason)));
    this.asks.push(ask);
    return promise;
  }

  #store(store: FakeStore): Pick<FakeStore, 'get' | 'put' | 'compareAndSet'> {
    const never = new Promise<never>(() => undefined);
    const whileAlive = <T>(work: () => Promise<T>): Promise<T> =>
      this.#isAlive ? work().then((done) => (this.#isAlive ? done : never)) : never;
    return {
      get: (...asked) => whileAlive(() => store.get(...asked)),
      put: (...asked) => whileAlive(() => store.put(...asked)),
      compareAndSet: (...asked) => whileAlive(() => store.compareAndSet(...asked)),
    };
  }

  #clock(clock: FakeClock): Clock {
    return {
      now: clock.now,
      wallMs: clock.wallMs,
      random: () => clock.random(),
      after: (delayMs, task) => clock.after(delayMs, () => this.#isAlive && task()),
    };
  }
}

/** Processes that share a store. */
export class Stage {
  readonly clock = fakeClock();
  readonly store = fakeStore(this.clock);
  readonly replicas: Replica[] = [];
  readonly #settings: IdempotencySettings;

  constructor(replicas = 1, settings: Partial<IdempotencySettings> = {}) {
    this.#settings = { ...SETTINGS, ...settings };
    for (let i = 0; i < replicas; i++) this.start();
  }

  /** Another process. */
  start(): Replica {
    const replica = new Replica(this.clock, this.store, this.#settings);
    this.replicas.push(replica);
    return replica;
  }

  at(index: number): Replica {
    return this.replicas[index] ?? this.start();
  }

  get asks(): readonly Ask[] {
    return this.replicas.flatMap(({ asks }) => asks);
  }

  /** Lets time pass as it does: what is due is done before more passes. */
  async pass(ms: number): Promise<void> {
    const stepMs = this.#settings.leaseMs / 6;
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passedMs));
      await settle();
    }
  }
}
