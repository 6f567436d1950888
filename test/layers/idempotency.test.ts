import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CacheMode, CachePolicySchema, CacheStatus, type CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { anonymous, type Caller as Identity } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { settle } from '../support/calls.ts';
import {
  broken,
  type Caller,
  COST,
  left,
  SETTINGS,
  STALL_MS,
  Stage,
  streamedText,
  textOf,
} from './idempotency/stage.ts';

/** Answers all that is asked now. */
async function answered(stage: Stage, text = 'hi'): Promise<void> {
  await settle();
  for (const ask of stage.asks) if (!ask.ended) ask.answer(text);
  await settle();
}

const kindOf = ({ end }: Caller) => (end instanceof GatewayError ? end.kind : undefined);
const statusOf = ({ call }: Caller) => call.trail.cacheStatus;
const answerTo = ({ end }: Caller) => textOf(end);
const totalOf = ({ end }: Caller) => (end instanceof Error ? undefined : end?.cost?.totalNanoUsd);

describe('a call with a key', () => {
  it('that was used before gets the answer of the first one, in one piece and in pieces', async () => {
    const stage = new Stage();
    const first = stage.at(0).call();
    await answered(stage);
    const again = stage.at(0).call();
    const streamed = stage.at(0).call({}, {}, true);
    await settle();
    expect(stage.asks).toHaveLength(1);
    expect([statusOf(first), statusOf(again), statusOf(streamed)]).toEqual([
      CacheStatus.BYPASS,
      CacheStatus.REPLAYED,
      CacheStatus.REPLAYED,
    ]);
    for (const { end, call } of [again, streamed]) {
      const { content, usage, cost } = first.end as Exclude<typeof end, Error | undefined>;
      expect(end).toMatchObject({ content, usage, cost, cacheStatus: CacheStatus.REPLAYED });
      expect(call.trail).toMatchObject({ attempts: [], target: { provider: 'test', model: 'm' } });
    }
    expect(streamedText(streamed.sink)).toBe('hi');
    expect(stage.at(0).results).toEqual(['new', 'replayed', 'replayed']);
  });

  it('is as any other where it has none', async () => {
    const stage = new Stage();
    const callers = [stage.at(0).call({ idempotencyKey: '' }), stage.at(0).call({ idempotencyKey: '' })];
    await answered(stage);
    expect(stage.asks).toHaveLength(2);
    expect(callers.map(answerTo)).toEqual(['hi', 'hi']);
    expect([stage.store.asked, stage.at(0).results]).toEqual([[], []]);
  });

  it('is the same through another process, and after a restart', async () => {
    const stage = new Stage(2);
    stage.at(0).call();
    await answered(stage);
    stage.at(0).crash();
    const again = stage.at(1).call();
    await settle();
    expect([textOf(again.end), stage.asks.length]).toEqual(['hi', 1]);
  });

  it('is a new one when its time is up', async () => {
    const stage = new Stage();
    stage.at(0).call();
    await answered(stage);
    await stage.pass(SETTINGS.ttlMs - 1);
    stage.at(0).call();
    await answered(stage);
    expect(stage.asks).toHaveLength(1);
    await stage.pass(1);
    const late = stage.at(0).call();
    await answered(stage, 'another');
    expect([stage.asks.length, textOf(late.end)]).toEqual([2, 'another']);
  });

  it('waits for one that is under way, streams or not, and counts nothing', async () => {
    const stage = new Stage();
    const first = stage.at(0).call({}, {}, true);
    await settle();
    stage.asks[0]?.emit('h');
    const whole = stage.at(0).call();
    const pieces = stage.at(0).call({}, {}, true);
    await settle();
    expect([streamedText(first.sink), streamedText(pieces.sink)]).toEqual(['h', 'h']);
    stage.asks[0]?.emit('i');
    await answered(stage);
    expect([first, whole, pieces].map(answerTo)).toEqual(['hi', 'hi', 'hi']);
    expect(streamedText(pieces.sink)).toBe('hi');
    expect([first, whole, pieces].map(totalOf)).toEqual([COST, COST, COST]);
    expect([whole, pieces].map(statusOf)).toEqual([CacheStatus.REPLAYED, CacheStatus.REPLAYED]);
    expect([whole, pieces].map(({ call }) => call.trail.attempts)).toEqual([[], []]);
    expect(stage.at(0).results).toEqual(['new', 'joined', 'joined']);
  });

  it('waits for one in another process', async () => {
    const stage = new Stage(2);
    const first = stage.at(0).call();
    await settle();
    const other = stage.at(1).call();
    await stage.pass(3 * SETTINGS.leaseMs);
    expect(other.end).toBeUndefined();
    await answered(stage);
    await stage.pass(1_000);
    expect([first, other].map(answerTo)).toEqual(['hi', 'hi']);
    expect([stage.asks.length, stage.at(1).results]).toEqual([1, ['joined']]);
  });

  it('is told after a while that it waits in vain, and when to come back', async () => {
    const stage = new Stage(2);
    stage.at(0).call();
    await settle();
    const other = stage.at(1).call();
    await stage.pass(SETTINGS.waitMs + 500);
    expect(kindOf(other)).toBe('idempotency_in_progress');
    expect(other.end).toMatchObject({ facts: { retryAfterMs: expect.any(Number) } });
    expect(stage.at(1).results).toEqual(['in_progress']);
    await answered(stage);
  });

  it('takes over when whoever was at work is gone', async () => {
    const stage = new Stage(2);
    stage.at(0).call();
    await settle();
    const other = stage.at(1).call();
    await settle();
    stage.at(0).crash();
    await stage.pass(SETTINGS.leaseMs + 500);
    await answered(stage, 'again');
    expect([textOf(other.end), stage.asks.length, stage.at(1).results]).toEqual(['again', 2, ['taken_over']]);
  });

  it('fails with the one that it waits for, here and in another process; then the key is free', async () => {
    const stage = new Stage(2);
    const callers = [stage.at(0).call(), stage.at(0).call()];
    await settle();
    callers.push(stage.at(1).call());
    await settle();
    stage.asks[0]?.fail();
    await stage.pass(1_000);
    expect(callers.map(kindOf)).toEqual(['upstream_reset', 'upstream_reset', 'upstream_reset']);
    expect(callers[2]?.end).toMatchObject({ facts: { retryAfterMs: broken().facts.retryAfterMs } });
    const later = stage.at(1).call();
    await answered(stage);
    expect([textOf(later.end), stage.asks.length]).toEqual(['hi', 2]);
  });

  it('takes over from a process that had a trouble of its own', async () => {
    const stage = new Stage(2);
    const first = stage.at(0).call();
    await settle();
    const other = stage.at(1).call();
    await settle();
    stage.asks[0]?.fail(new GatewayError('queue_full', 'Full.'));
    await stage.pass(1_000);
    await answered(stage);
    expect([kindOf(first), textOf(other.end), stage.at(1).results]).toEqual(['queue_full', 'hi', ['taken_over']]);
  });
});

describe('a key with another request', () => {
  const others: Partial<CompleteRequest>[] = [
    { temperature: 0.5 },
    { model: 'mock/other' },
    { labels: { a: 'b' } },
    { providerOptions: { mock: { seed: 1 } } },
    { cache: create(CachePolicySchema, { mode: CacheMode.BYPASS }) },
  ];

  it.each(others)('is refused, afterwards, meanwhile and elsewhere: %j', async (other) => {
    const stage = new Stage(2);
    const first = stage.at(0).call();
    await settle();
    const meanwhile = [stage.at(0).call(other), stage.at(1).call(other)];
    await settle();
    stage.at(1).call();
    await settle();
    meanwhile.push(stage.at(1).call(other));
    await settle();
    for (const caller of meanwhile) expect(kindOf(caller)).toBe('idempotency_mismatch');
    await answered(stage);
    const afterwards = [stage.at(0).call(other), stage.at(1).call(other)];
    await settle();
    expect(afterwards.map(kindOf)).toEqual(['idempotency_mismatch', 'idempotency_mismatch']);
    expect([textOf(first.end), stage.asks.length]).toEqual(['hi', 1]);
    expect(stage.at(0).results.toSorted()).toEqual(['mismatch', 'mismatch', 'new']);
  });

  it('is refused also if both come at once, whatever the store knows', async () => {
    const stage = new Stage(2);
    stage.at(1).call({ temperature: 1 });
    await answered(stage);
    const wrong = stage.at(0).call();
    const right = stage.at(0).call({ temperature: 1 });
    await settle();
    expect([kindOf(wrong), textOf(right.end), stage.asks.length]).toEqual(['idempotency_mismatch', 'hi', 1]);
  });

  it('is not refused for what does not matter, in whatever order maps come', async () => {
    const stage = new Stage();
    stage.at(0).call({ labels: { a: 'b', c: 'd' }, promptCacheKey: 'one', priority: 1 });
    await answered(stage);
    const again = stage.at(0).call({ labels: { c: 'd', a: 'b' }, promptCacheKey: 'other', priority: 2 });
    await settle();
    expect(textOf(again.end)).toBe('hi');
  });

  const as = (name: string, team: string, more: Partial<Identity> = {}) => ({
    caller: { ...anonymous, name, team, ...more },
  });

  it('is another key if it is another tenant’s', async () => {
    const stage = new Stage();
    stage.at(0).call({}, as('a', 'red'));
    await answered(stage);
    const [own, other, alone] = [as('b', 'red'), as('a', 'blue'), as('red', '')].map((who) =>
      stage.at(0).call({}, who),
    );
    await answered(stage, 'other');
    expect([own, other, alone].map((each) => textOf(each?.end))).toEqual(['hi', 'other', 'other']);
    expect(stage.store.keys.join()).not.toMatch(/red|blue|key-1/);
  });

  it('gives nobody an answer of a model that he may not call', async () => {
    const stage = new Stage();
    const restricted = as('b', 'red', { allowedModels: ({ model }) => model !== 'm' });
    stage.at(0).call({}, as('a', 'red'));
    await settle();
    const meanwhile = stage.at(0).call({}, restricted);
    await answered(stage);
    const afterwards = stage.at(0).call({}, restricted);
    await settle();
    expect([meanwhile, afterwards].map(kindOf)).toEqual(['model_not_allowed', 'model_not_allowed']);
    expect(stage.asks).toHaveLength(1);
  });
});

describe('a caller that leaves', () => {
  it.each([
    ['cancels', left()],
    ['has no more time', new GatewayError('deadline_exceeded', 'Too late.')],
  ])('and %s is let go at once, and its call goes on and counts', async (_, reason) => {
    const stage = new Stage();
    const first = stage.at(0).call();
    await settle();
    first.leave(reason);
    await settle();
    expect([first.letGo, first.end]).toEqual([[reason], undefined]);
    const again = stage.at(0).call();
    await answered(stage);
    expect([textOf(again.end), statusOf(again), stage.asks.length]).toEqual(['hi', CacheStatus.REPLAYED, 1]);
    expect(first.end).toBe(reason);
    expect(first.call.trail).toMatchObject({ partialCost: { totalNanoUsd: COST }, attempts: [{ provider: 'test' }] });
    expect(again.call.trail).toMatchObject({ partialCost: undefined, attempts: [] });
    const later = stage.at(0).call();
    await settle();
    expect(textOf(later.end)).toBe('hi');
  });

  it('does not hold up the stream that goes on without it', async () => {
    const stage = new Stage();
    const first = stage.at(0).call({}, {}, true);
    await settle();
    if (first.sink) first.sink.room = false;
    expect(stage.asks[0]?.emit('h')).toBe(false);
    const room = stage.asks[0]?.call.sink?.ready();
    await stage.pass(STALL_MS);
    await room;
    expect(first.letGo.map(({ kind }) => kind)).toEqual(['slow_consumer']);
    expect(stage.asks[0]?.emit('i')).toBe(true);
    const again = stage.at(0).call();
    await answered(stage);
    expect([streamedText(first.sink), textOf(again.end), stage.asks.length]).toEqual(['h', 'hi', 1]);
  });

  it('before anything is asked ends it', async () => {
    const stage = new Stage(2);
    stage.at(1).call();
    await settle();
    const waiting = stage.at(0).call();
    await settle();
    waiting.leave();
    await settle();
    expect([kindOf(waiting), waiting.letGo]).toEqual(['cancelled', []]);
    await answered(stage);
    expect(stage.asks).toHaveLength(1);
  });

  it('before anything is asked leaves the answer, and its cost, to the next one', async () => {
    const stage = new Stage(2);
    stage.at(1).call();
    await settle();
    const [first, second] = [stage.at(0).call(), stage.at(0).call()];
    await settle();
    first.leave();
    stage.at(1).crash();
    await stage.pass(SETTINGS.leaseMs + 500);
    await answered(stage);
    expect([textOf(second.end), statusOf(second)]).toEqual(['hi', CacheStatus.BYPASS]);
    expect([first.call.trail.attempts.length, second.call.trail.attempts.length]).toEqual([0, 1]);
  });

  it('leaves those alone who wait for the same', async () => {
    const stage = new Stage();
    const callers = [0, 1, 2].map(() => stage.at(0).call());
    await settle();
    callers[1]?.leave();
    await settle();
    expect(callers.map(({ end }) => end !== undefined)).toEqual([false, true, false]);
    await answered(stage);
    expect(callers.map(({ end }) => textOf(end))).toEqual(['hi', undefined, 'hi']);
  });

  it('bounds its call: by its own limit, and by what the gateway can bear', async () => {
    const stage = new Stage();
    const first = stage.at(0).call();
    await settle();
    first.leave();
    await stage.pass(SETTINGS.maxCallMs);
    expect([stage.asks[0]?.ended, kindOf(first)]).toEqual(['failed', 'cancelled']);
    const second = stage.at(0).call();
    await settle();
    second.leave(new GatewayError('overloaded', 'No memory.'));
    await settle();
    expect([stage.asks[1]?.ended, kindOf(second), second.letGo]).toEqual(['failed', 'overloaded', []]);
    expect(stage.clock.pending).toBe(0);
  });
});

describe('a store that takes its time', () => {
  /** From now on nothing is written until it is told to. */
  const held = (stage: Stage) => {
    const gate = Promise.withResolvers<void>();
    const compareAndSet = stage.store.compareAndSet.bind(stage.store);
    stage.store.compareAndSet = (...asked) => gate.promise.then(() => compareAndSet(...asked));
    return gate.resolve;
  };

  it('has the answer before the caller has it', async () => {
    const stage = new Stage();
    const caller = stage.at(0).call();
    await settle();
    const open = held(stage);
    await answered(stage);
    expect(caller.end).toBeUndefined();
    open();
    await settle();
    expect(textOf(caller.end)).toBe('hi');
  });

  it('asks nobody for a caller that has left meanwhile, and the key is free', async () => {
    const stage = new Stage();
    const open = held(stage);
    const caller = stage.at(0).call();
    await settle();
    caller.leave();
    open();
    await settle();
    expect([kindOf(caller), stage.asks.length]).toEqual(['cancelled', 0]);
    const again = stage.at(0).call();
    await answered(stage);
    expect(textOf(again.end)).toBe('hi');
  });
});

describe('a store that fails', () => {
  it('fails no call, and calls under way are one call all the same', async () => {
    const stage = new Stage();
    stage.store.fails = true;
    const callers = [stage.at(0).call(), stage.at(0).call()];
    await settle();
    const other = stage.at(0).call({ temperature: 1 });
    await answered(stage);
    expect(callers.map(({ end }) => textOf(end))).toEqual(['hi', 'hi']);
    expect([kindOf(other), stage.asks.length]).toEqual(['idempotency_mismatch', 1]);
  });

  it('and comes back has the answer', async () => {
    const stage = new Stage(2);
    stage.store.fails = true;
    stage.at(0).call();
    await settle();
    stage.store.fails = false;
    await answered(stage);
    const again = stage.at(1).call();
    await settle();
    expect([textOf(again.end), stage.asks.length]).toEqual(['hi', 1]);
  });

  it('does not lose the lease by one failure', async () => {
    const stage = new Stage(2);
    stage.at(0).call();
    await settle();
    await stage.pass(SETTINGS.leaseMs / 6);
    stage.store.fails = true;
    await stage.pass(SETTINGS.leaseMs / 3);
    stage.store.fails = false;
    const other = stage.at(1).call();
    await stage.pass(2 * SETTINGS.leaseMs);
    expect(stage.asks).toHaveLength(1);
    await answered(stage);
    await stage.pass(1_000);
    expect(textOf(other.end)).toBe('hi');
  });

  it('holds nothing that is too large', async () => {
    const stage = new Stage(2, { maxAnswerBytes: 1_024 });
    stage.at(0).call();
    await answered(stage, 'x'.repeat(2_000));
    expect(stage.store.keys).toEqual([]);
    const again = stage.at(1).call();
    await answered(stage);
    expect([textOf(again.end), stage.asks.length]).toEqual(['hi', 2]);
  });

  it('holds something that cannot be read, which counts as nothing', async () => {
    const stage = new Stage();
    stage.at(0).call();
    await answered(stage);
    for (const key of stage.store.keys) await stage.store.put(key, new Uint8Array(40), 10_000);
    const again = stage.at(0).call();
    await answered(stage, 'anew');
    const third = stage.at(0).call();
    await settle();
    expect([again, third].map(({ end }) => textOf(end))).toEqual(['anew', 'anew']);
  });
});
