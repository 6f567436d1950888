import { getEventListeners } from 'node:events';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AttemptSchema,
  BrokenStreamPolicy,
  CacheStatus,
  type CompleteResponse,
  CompleteResponseSchema,
  CostStatus,
  FinishReason,
  type Part,
} from '#gen/antiphon/v1/completion_pb.js';
import { type Call, newTrail } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import { GatewayError, toGatewayError } from '../../src/core/errors.ts';
import { type Delta, type Sink, textDelta } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import { deltasOf } from '../../src/core/replay.ts';
import { addSpent } from '../../src/core/spent.ts';
import { Flights, treatment } from '../../src/flights/flights.ts';
import { helloRequest, type ListSink, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { deltasArbitrary, deltasWithRestarts, restart } from '../support/requests.ts';

const STALL_MS = 1_000;
const left = () => new GatewayError('cancelled', 'The caller has left.');
const broken = () => new GatewayError('upstream_reset', 'The provider broke off.');

/** A provider that does what it is told, and of which everything is known. */
class Provider {
  readonly asked: Call[] = [];
  /** What all that it was asked for has cost. */
  usedNanoUsd = 0n;
  #end = Promise.withResolvers<CompleteResponse>();
  #fold = new Fold();

  readonly complete: Complete = (call) => {
    this.asked.push(call);
    this.#fold = new Fold();
    const end = Promise.withResolvers<CompleteResponse>();
    this.#end = end;
    call.trail.attempts.push(create(AttemptSchema, { provider: 'test' }));
    call.trail.target = { provider: 'test', model: 'm' };
    call.trail.upstreamMs = 5;
    call.signal.addEventListener('abort', () => {
      addSpent(call.trail, undefined, response([]).cost);
      this.usedNanoUsd += 100n;
      // Not at once: breaking off takes its time.
      setImmediate(() => end.reject(call.signal.reason));
    });
    return end.promise;
  };

  get sink(): Sink | undefined {
    return this.asked.at(-1)?.sink;
  }

  /** Whether there is room for more. */
  emit(delta: Delta): boolean {
    this.#fold.add(delta);
    return this.sink?.emit(delta) ?? true;
  }

  answer(): void {
    this.usedNanoUsd += 100n;
    this.#end.resolve(response(this.#fold.parts));
  }

  fail(error: GatewayError = broken()): void {
    this.#end.reject(error);
  }
}

const response = (content: readonly Part[]): CompleteResponse =>
  create(CompleteResponseSchema, {
    content: [...content],
    finishReason: FinishReason.STOP,
    usage: { inputTokens: 3n, totalTokens: 5n },
    cost: { status: CostStatus.PRICED, totalNanoUsd: 100n },
  });

interface Caller {
  readonly call: Call;
  readonly sink: ListSink | undefined;
  readonly leave: (reason?: GatewayError) => void;
  readonly answer: Promise<CompleteResponse | GatewayError>;
  readonly joined: boolean[];
}

function stage() {
  const clock = fakeClock();
  const provider = new Provider();
  const flights = new Flights({ clock, stallMs: STALL_MS });
  const join = (streams = false, more: Partial<Call> = {}): Caller => {
    const abort = new AbortController();
    const sink = streams ? listSink() : undefined;
    const call = testCall({ sink, signal: abort.signal, trail: newTrail(), ...more });
    const joined: boolean[] = [];
    const joins = (isFirst: boolean) => {
      joined.push(isFirst);
      call.trail.cacheStatus = isFirst ? CacheStatus.MISS : CacheStatus.SHARED;
    };
    const answer = flights.share(call, `key${treatment(call)}`, provider.complete, joins).catch(toGatewayError);
    return { call, sink, joined, answer, leave: (reason = left()) => abort.abort(reason) };
  };
  return { clock, provider, flights, join };
}

const contentOf = (deltas: readonly Delta[]) => {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return fold.parts;
};

const streamed = (parts: readonly Part[]) => contentOf([...deltasOf(parts)]);

const texts = (sink: ListSink | undefined) =>
  sink?.deltas.map((delta) => (delta.case === 'textDelta' ? delta.value.text : delta.case)).join('');

const nanoUsd = (each: CompleteResponse | GatewayError, { trail }: Call): bigint =>
  (each instanceof GatewayError ? 0n : (each.cost?.totalNanoUsd ?? 0n)) + (trail.partialCost?.totalNanoUsd ?? 0n);

describe('calls that share an answer', () => {
  it('all get it, whenever they join and leave, at whatever pace; one of them pays, and nothing is left', async () => {
    const member = fc.record({
      streams: fc.boolean(),
      joinsAt: fc.nat(8),
      leavesAt: fc.option(fc.nat(14), { nil: undefined }),
      slow: fc.boolean(),
    });
    const ends = fc.constantFrom('answer', 'fail');
    const restarts = fc.boolean();
    const all = fc.tuple(fc.array(member, { minLength: 1, maxLength: 6 }), deltasWithRestarts, deltasArbitrary);
    await fc.assert(
      fc.asyncProperty(all, ends, restarts, async ([members, withRestarts, without], end, mayRestart) => {
        const { clock, provider, flights, join } = stage();
        const deltas = mayRestart ? withRestarts : without;
        const request = {
          ...helloRequest(),
          onBrokenStream: mayRestart ? BrokenStreamPolicy.RESTART : BrokenStreamPolicy.FAIL,
        };
        // The treatment of streams that may begin anew is their own: here all are streams, or none may.
        const kinds = members.map((each) => ({ ...each, streams: mayRestart || each.streams }));
        const callers = new Map<(typeof kinds)[number], Caller>();
        for (let step = 0; step < 16; step++) {
          for (const each of kinds.filter(({ joinsAt }) => joinsAt === step)) {
            const caller = join(each.streams, { request });
            if (caller.sink && each.slow) caller.sink.room = false;
            callers.set(each, caller);
          }
          for (const each of kinds) if (each.leavesAt === step) callers.get(each)?.leave();
          await settle();
          if (provider.asked.length === 1 && !provider.asked[0]?.signal.aborted) {
            if (step < 9) for (const delta of deltas.slice(step * 3, step * 3 + 3)) provider.emit(delta);
            else if (step === 9 && end === 'answer') provider.answer();
            else if (step === 9) provider.fail();
          }
          for (const { sink } of callers.values()) sink?.drain();
          await settle();
        }
        while (flights.size > 0) {
          provider.answer();
          await settle();
        }
        for (let i = 0; i < 60; i++) {
          for (const { sink } of callers.values()) sink?.drain();
          await settle();
        }
        const answers = await Promise.all([...callers.values()].map(({ answer }) => answer));
        expect(flights.size).toBe(0);
        expect(clock.pending).toBe(0);
        const tries = [...callers.values()].flatMap(({ call }) => call.trail.attempts);
        expect(tries).toHaveLength(provider.asked.length);
        [...callers.values()].forEach(({ sink, call }, i) => {
          const answer = answers[i];
          if (!answer || answer instanceof GatewayError) return;
          // A stream has no way to say where one text part ends and the next one begins.
          if (sink) expect(streamed(contentOf(sink.deltas))).toEqual(streamed(answer.content));
          expect(call.trail.target).toEqual({ provider: 'test', model: 'm' });
        });
        const paid = [...callers.values()].reduce((sum, { call }, i) => sum + nanoUsd(answers[i] ?? left(), call), 0n);
        expect(paid).toBe(provider.usedNanoUsd);
      }),
      { numRuns: 300 },
    );
  });

  it('go on when the one that began leaves; then whoever is there longest pays', async () => {
    const { provider, join } = stage();
    const [leader, second, third] = [join(true), join(), join(true)];
    provider.emit(textDelta('a'));
    leader.leave();
    expect(await leader.answer).toMatchObject({ kind: 'cancelled' });
    expect(provider.asked[0]?.signal.aborted).toBe(false);
    const late = join(true);
    provider.emit(textDelta('b'));
    provider.answer();
    const answers = await Promise.all([second, third, late].map(({ answer }) => answer));
    expect(answers.map((each) => nanoUsd(each, testCall({ trail: newTrail() })))).toEqual([100n, 0n, 0n]);
    expect(second.call.trail.attempts).toHaveLength(1);
    expect([third, late].map(({ sink }) => texts(sink))).toEqual(['ab', 'ab']);
    expect(texts(leader.sink)).toBe('a');
    expect(leader.call.trail.attempts).toEqual([]);
  });

  it('are over for the provider when the last one leaves, who bears what it has used', async () => {
    const { provider, flights, join } = stage();
    const [one, other] = [join(), join()];
    one.leave();
    await settle();
    expect(provider.asked[0]?.signal.aborted).toBe(false);
    other.leave();
    expect(provider.asked[0]?.signal.aborted).toBe(false);
    expect(await other.answer).toMatchObject({ kind: 'cancelled' });
    expect(provider.asked[0]?.signal.aborted).toBe(true);
    expect(flights.size).toBe(0);
    expect([one, other].map(({ call }) => call.trail.partialCost?.totalNanoUsd)).toEqual([undefined, 100n]);
    join();
    expect(provider.asked).toHaveLength(2);
  });

  it('are paid for also by one that leaves before it has read all of what came', async () => {
    const { provider, join } = stage();
    const [slow, fast] = [join(true), join(true)];
    if (slow.sink) slow.sink.room = false;
    provider.emit(textDelta('a'));
    provider.emit(textDelta('b'));
    provider.answer();
    expect(await fast.answer).toMatchObject({ cost: { totalNanoUsd: 0n } });
    slow.leave();
    expect(await slow.answer).toMatchObject({ kind: 'cancelled' });
    expect(slow.call.trail).toMatchObject({ attempts: [{}], partialCost: { totalNanoUsd: 100n } });
    expect([slow, fast].map(({ call }) => getEventListeners(call.signal, 'abort'))).toEqual([[], []]);
  });

  it('do not wait for a slow one, and stop the provider only if all are', async () => {
    const { provider, join } = stage();
    const [slow, fast] = [join(true), join(true)];
    if (slow.sink) slow.sink.room = false;
    expect(provider.emit(textDelta('a'))).toBe(true);
    expect(provider.emit(textDelta('b'))).toBe(true);
    expect([slow, fast].map(({ sink }) => texts(sink))).toEqual(['a', 'ab']);
    if (fast.sink) fast.sink.room = false;
    expect(provider.emit(textDelta('c'))).toBe(false);
    let isReady = false;
    void provider.sink?.ready().then(() => {
      isReady = true;
    });
    await settle();
    expect(isReady).toBe(false);
    if (fast.sink) fast.sink.room = true;
    fast.sink?.drain();
    await settle();
    expect(isReady).toBe(true);
    provider.answer();
    expect(await fast.answer).toMatchObject({ finishReason: FinishReason.STOP });
    if (slow.sink) slow.sink.room = true;
    slow.sink?.drain();
    await slow.answer;
    expect(texts(slow.sink)).toBe('abc');
  });

  it('lose one that does not read for too long, and no other', async () => {
    const { clock, provider, join } = stage();
    const [slow, fast] = [join(true), join(true)];
    if (slow.sink) slow.sink.room = false;
    provider.emit(textDelta('a'));
    clock.advance(STALL_MS);
    expect(await slow.answer).toMatchObject({ kind: 'slow_consumer' });
    provider.answer();
    expect(await fast.answer).toMatchObject({ finishReason: FinishReason.STOP });
    expect(clock.pending).toBe(0);
  });

  it('fail together; with more time than the one that began, a call begins anew', async () => {
    const { provider, join } = stage();
    const hasting = { deadlineMs: 2_000 };
    const [leader, hurried, patient, other] = [join(false, hasting), join(false, hasting), join(), join(true)];
    provider.fail(new GatewayError('upstream_timeout', 'Too slow.'));
    expect(await leader.answer).toMatchObject({ kind: 'upstream_timeout' });
    expect(await hurried.answer).toMatchObject({ kind: 'upstream_timeout' });
    await settle();
    expect(provider.asked).toHaveLength(2);
    expect(patient.joined).toEqual([false, true]);
    expect(other.joined).toEqual([false, false]);
    provider.answer();
    expect(await patient.answer).toMatchObject({ finishReason: FinishReason.STOP });
    await other.answer;
    expect(provider.asked).toHaveLength(2);
  });

  it('begin anew if the limits of another key were the matter', async () => {
    const { provider, join } = stage();
    const keys = ['a', 'a', 'b'].map((name) => join(false, { caller: { ...testCall().caller, name, team: 'x' } }));
    provider.fail(new GatewayError('budget_exceeded', 'No money.'));
    for (const each of keys.slice(0, 2)) expect(await each.answer).toMatchObject({ kind: 'budget_exceeded' });
    await settle();
    provider.answer();
    expect(await keys[2]?.answer).toMatchObject({ finishReason: FinishReason.STOP });
    expect(provider.asked.map(({ caller }) => caller.name)).toEqual(['a', 'b']);
  });

  it('of one burst fail together: a little more time is no reason to begin anew', async () => {
    const { clock, provider, join } = stage();
    const callers = Array.from({ length: 50 }, (_, i) => join(false, { deadlineMs: clock.now() + 1_000 + i }));
    provider.fail(new GatewayError('queue_full', 'No turn.'));
    for (const { answer } of callers) expect(await answer).toMatchObject({ kind: 'queue_full' });
    expect(provider.asked).toHaveLength(1);
  });

  it('begin anew, once, where they do not stream and a stream broke off that had begun', async () => {
    const { provider, join } = stage();
    const [stream, unary] = [join(true), join()];
    provider.emit(textDelta('half'));
    provider.fail();
    expect(await stream.answer).toMatchObject({ kind: 'upstream_reset' });
    await settle();
    expect(provider.asked.map(({ sink }) => sink !== undefined)).toEqual([true, false]);
    provider.fail();
    expect(await unary.answer).toMatchObject({ kind: 'upstream_reset' });
    expect(provider.asked).toHaveLength(2);
  });

  it('fail as a caller alone would if nothing else is the matter', async () => {
    const { provider, join } = stage();
    const callers = [join(), join(true), join()];
    provider.fail();
    for (const { answer } of callers) expect(await answer).toMatchObject({ kind: 'upstream_reset' });
    expect(provider.asked).toHaveLength(1);
  });

  it('get `restart` only if they have something that it voids, and may get one', async () => {
    const { provider, join } = stage();
    const request = { ...helloRequest(), onBrokenStream: BrokenStreamPolicy.RESTART };
    const early = join(true, { request });
    const strict = join(true);
    expect(provider.asked).toHaveLength(2);
    expect(strict.joined).toEqual([true]);
    const first = provider.asked[0]?.sink;
    first?.emit(textDelta('void'));
    first?.emit(restart());
    const late = join(true, { request });
    first?.emit(textDelta('good'));
    expect([early, late, strict].map(({ sink }) => texts(sink))).toEqual(['voidrestartgood', 'good', '']);
    for (const { leave } of [early, late, strict]) leave();
    await Promise.all([early, late, strict].map(({ answer }) => answer));
  });

  it('are none of those that may go to other models', async () => {
    const { provider, join } = stage();
    const targets = [{ provider: 'p', model: 'm' }];
    const callers = [join(false, { targets }), join(false, { targets: [...targets, { provider: 'q', model: 'm' }] })];
    expect(provider.asked).toHaveLength(2);
    for (const { leave } of callers) leave();
    await Promise.all(callers.map(({ answer }) => answer));
  });

  it('never see what another one has done to the answer', async () => {
    const { provider, join } = stage();
    const callers = [join(), join(), join()];
    provider.answer();
    const answers = await Promise.all(callers.map(({ answer }) => answer));
    for (const [i, each] of answers.entries()) Object.assign(each, { id: `id-${i}`, warnings: [] });
    expect(answers.map((each) => 'id' in each && each.id)).toEqual(['id-0', 'id-1', 'id-2']);
  });
});
