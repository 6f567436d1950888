import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CacheMode,
  CachePolicySchema,
  CacheStatus,
  type CompleteResponse,
  CostStatus,
  FinishReason,
} from '#gen/antiphon/v1/completion_pb.js';
import { Answers } from '../../src/cache/answers.ts';
import { type CacheSettings, noCache } from '../../src/cache/settings.ts';
import { tenantOf } from '../../src/cache/tenant.ts';
import { type Call, newTrail } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import { GatewayError, toGatewayError } from '../../src/core/errors.ts';
import type { News } from '../../src/core/news.ts';
import { noPolicy } from '../../src/core/policy.ts';
import { mocked } from '../../src/core/warnings.ts';
import { cache } from '../../src/layers/cache.ts';
import { hang, helloRequest, helloResponse, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeStore } from '../support/fake-store.ts';

const TARGET = { provider: 'mock', model: 'echo' };

interface Parts {
  readonly settings?: Partial<CacheSettings>;
  readonly clock?: ReturnType<typeof fakeClock>;
  readonly store?: ReturnType<typeof fakeStore>;
  readonly next?: Complete;
}

const answering: Complete = async ({ trail }) => {
  trail.target = TARGET;
  trail.warnings.push(mocked());
  return { ...helloResponse(), cost: undefined as never };
};

/** The layer as one process has it, and what it does. */
function replica({ settings = {}, clock = fakeClock(), store, next = answering }: Parts = {}) {
  const all = { ...noCache, enabled: true, ...settings };
  const answers = new Answers(all, { clock, store });
  const news: News[] = [];
  const asked: Call[] = [];
  const tell = (one: News) => void news.push(one);
  const layer = cache({ settings: all, answers, placeOf: () => 'here', stallMs: 1_000, clock, tell });
  const complete = layer((call) => {
    asked.push(call);
    return next(call);
  });
  const results = () => news.map((one) => one.type === 'cache' && one.result);
  return { complete, asked, news, results, clock, answers };
}

function callOf(more: Partial<Call> = {}, mode = CacheMode.DEFAULT): Call {
  const request = { ...helloRequest(), cache: create(CachePolicySchema, { mode }), ...more.request };
  return testCall({ targets: [TARGET], trail: newTrail(), ...more, request });
}

describe('a kept answer', () => {
  it('has its own warnings and target, and no try', async () => {
    const { complete, results } = replica();
    await complete(callOf());
    const call = callOf();
    const response = await complete(call);
    expect(response).toMatchObject({ cacheStatus: CacheStatus.HIT, cost: { priceSource: 'cache', totalNanoUsd: 0n } });
    expect(call.trail).toMatchObject({ target: TARGET, warnings: [{ code: mocked().code }], attempts: [] });
    expect(results()).toEqual(['miss', 'hit_local']);
  });

  it('tells what it had cost', async () => {
    const cost = { $typeName: 'antiphon.v1.Cost' as const, status: CostStatus.PRICED, totalNanoUsd: 77n };
    const next: Complete = async (call) => Object.assign(await answering(call), { cost: { ...helloCost, ...cost } });
    const { complete, news } = replica({ next });
    await complete(callOf());
    await complete(callOf());
    expect(news.at(-1)).toEqual({ type: 'cache', result: 'hit_local', savedNanoUsd: 77n });
  });

  it('waits for a slow reader, as long as one may be', async () => {
    const { complete, clock } = replica();
    await complete(callOf());
    const sink = listSink();
    sink.room = false;
    const reply = complete(callOf({ sink })).catch(toGatewayError);
    await settle();
    expect(clock.pending).toBe(1);
    sink.drain();
    expect(await reply).toMatchObject({ cacheStatus: CacheStatus.HIT });
    const lost = complete(callOf({ sink })).catch(toGatewayError);
    await settle();
    clock.advance(1_000);
    expect(await lost).toMatchObject({ kind: 'slow_consumer' });
    expect(clock.pending).toBe(0);
  });

  it.each<[string, Partial<Call>, number]>([
    ['by the configuration', {}, 100],
    ['by its kind of task', { request: { ...helloRequest(), requestType: 'summary' } }, 200],
    [
      'by its rule',
      { request: { ...helloRequest(), requestType: 'summary' }, policy: { ...noPolicy, cacheTtlMs: 300 } },
      300,
    ],
    [
      'by the call',
      {
        request: {
          ...helloRequest(),
          cache: create(CachePolicySchema, { mode: CacheMode.DEFAULT, ttl: { seconds: 1n, nanos: 500_000_000 } }),
        },
        policy: { ...noPolicy, cacheTtlMs: 300 },
      },
      1_500,
    ],
  ])('is kept as long as is said %s', async (_, more, ttlMs) => {
    const { complete, clock } = replica({ settings: { ttlMs: 100, requestTypes: new Map([['summary', 200]]) } });
    const statusOf = async () => (await complete(callOf(more))).cacheStatus;
    expect(await statusOf()).toBe(CacheStatus.MISS);
    clock.advance(ttlMs - 1);
    expect(await statusOf()).toBe(CacheStatus.HIT);
    clock.advance(2);
    expect(await statusOf()).toBe(CacheStatus.MISS);
  });

  it.each<[string, (call: Call) => Promise<CompleteResponse>]>([
    ['failed', () => Promise.reject(new GatewayError('upstream_error', 'no'))],
    ['was cut off', async (call) => ({ ...(await answering(call)), finishReason: FinishReason.LENGTH })],
    [
      'came from another model',
      async (call) => {
        const response = await answering(call);
        call.trail.target = { provider: 'mock', model: 'other' };
        return response;
      },
    ],
  ])('is none that %s', async (_, next) => {
    const { complete, asked, answers } = replica({ next });
    for (let i = 0; i < 2; i++) await complete(callOf()).catch(toGatewayError);
    expect(asked).toHaveLength(2);
    expect(answers.stats.entries).toBe(0);
  });

  it('is never that of another tenant', async () => {
    const caller = fc.record({ name: fc.constantFrom('a', 'b', 'c'), team: fc.constantFrom('', 'a', 'b') });
    const prompt = fc.constantFrom('one', 'two');
    const next: Complete = async (call) => {
      const response = await answering(call);
      response.providerResponseId = `${tenantOf(call.caller)} ${call.request.model}`;
      return response;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(caller, prompt), { maxLength: 30 }), async (calls) => {
        const { complete, asked } = replica({ next });
        const replies = calls.map(([who, what]) => {
          const [message] = helloRequest().messages;
          const messages = message
            ? [{ ...message, content: [{ ...message.content[0], part: { case: 'text', value: what } }] }]
            : [];
          const request = { ...helloRequest(what), messages } as Call['request'];
          return complete(callOf({ caller: { ...testCall().caller, ...who }, request }));
        });
        for (const [i, reply] of replies.entries()) {
          const [who, what] = calls[i] ?? [];
          expect((await reply).providerResponseId).toBe(`${who && tenantOf(who)} ${what}`);
        }
        expect(asked.length).toBe(new Set(calls.map(([who, what]) => `${tenantOf(who)} ${what}`)).size);
      }),
      { numRuns: 50 },
    );
  });
});

const helloCost = { inputNanoUsd: 0n, outputNanoUsd: 0n, otherAttemptsNanoUsd: 0n, priceSource: 'x', priceVersion: '' };

describe('processes that share a store', () => {
  const clockAndStore = () => {
    const clock = fakeClock();
    return { clock, store: fakeStore(clock) };
  };

  it('ask once for all calls of all of them', async () => {
    const shared = clockAndStore();
    const gate = Promise.withResolvers<void>();
    const next: Complete = async (call) => {
      await gate.promise;
      return answering(call);
    };
    const replicas = [1, 2, 3].map(() => replica({ ...shared, next }));
    const replies = replicas.flatMap(({ complete }) =>
      Array.from({ length: 100 }, (_, i) => complete(callOf(i % 2 ? { sink: listSink() } : {}))),
    );
    await settle();
    gate.resolve();
    let isOver = false;
    const all = Promise.all(replies).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await settle();
      shared.clock.advance(50);
    }
    const statuses = (await all).map(({ cacheStatus }) => cacheStatus);
    expect(replicas.flatMap(({ asked }) => asked)).toHaveLength(1);
    expect(statuses.filter((status) => status === CacheStatus.MISS)).toHaveLength(1);
    expect(statuses.filter((status) => status === CacheStatus.SHARED)).toHaveLength(99);
    expect(statuses.filter((status) => status === CacheStatus.HIT)).toHaveLength(200);
    await settle();
    expect(shared.store.keys.filter((key) => key.startsWith('cache:lease:'))).toEqual([]);
    expect(shared.clock.pending).toBe(0);
  });

  it('ask each for themselves while the store fails', async () => {
    const shared = clockAndStore();
    shared.store.fails = true;
    const replicas = [1, 2].map(() => replica(shared));
    for (const { complete, asked } of replicas) {
      for (let i = 0; i < 2; i++) await complete(callOf());
      expect(asked).toHaveLength(1);
    }
  });

  it('let the next one ask if the first fails', async () => {
    const shared = clockAndStore();
    const failing = replica({ ...shared, next: () => Promise.reject(new GatewayError('upstream_error', 'no')) });
    expect(await failing.complete(callOf()).catch(toGatewayError)).toMatchObject({ kind: 'upstream_error' });
    await settle();
    const { complete, asked } = replica(shared);
    expect(await complete(callOf())).toMatchObject({ cacheStatus: CacheStatus.MISS });
    expect(asked).toHaveLength(1);
    expect(shared.clock.pending).toBe(0);
  });

  it('have it also for ONLY, and give nothing to those who leave', async () => {
    const shared = clockAndStore();
    const one = replica(shared);
    await one.complete(callOf());
    await settle();
    const other = replica({ ...shared, next: hang });
    expect(await other.complete(callOf({}, CacheMode.ONLY))).toMatchObject({ cacheStatus: CacheStatus.HIT });
    const abort = new AbortController();
    const fresh = other.complete(callOf({ signal: abort.signal }, CacheMode.REFRESH)).catch(toGatewayError);
    await settle();
    abort.abort(new GatewayError('cancelled', 'left'));
    expect(await fresh).toMatchObject({ kind: 'cancelled' });
    expect(other.results()).toEqual(['hit_shared', 'refresh']);
  });
});
