import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RestartSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../src/core/call.ts';
import { type Delta, reasoningDelta, refusalDelta, textDelta, toolCallDelta } from '../../src/core/events.ts';
import type { News } from '../../src/core/news.ts';
import type { Priority } from '../../src/core/policy.ts';
import { shed } from '../../src/layers/shed.ts';
import type { Shortage } from '../../src/resilience/pressure.ts';
import { hang, helloResponse, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { requestOf, text, user } from '../support/requests.ts';

/** A gateway under a pressure that the test sets, and what is inside of it. */
function scene() {
  const clock = fakeClock();
  const watchers = new Set<() => void>();
  const short: { cause: Shortage | undefined } = { cause: undefined };
  const news: News[] = [];
  const inside = new Map<string, Call>();
  const answers = new Map<string, () => void>();
  const pressure = {
    enabled: true,
    refuses: () => short.cause,
    onCritical(task: () => void) {
      watchers.add(task);
      return () => watchers.delete(task);
    },
  };
  const complete = shed({ pressure, clock, tell: (one) => news.push(one) })((call) => {
    inside.set(call.id, call);
    const answer = new Promise<void>((resolve) => answers.set(call.id, resolve));
    return Promise.race([hang(call), answer.then(helloResponse)]);
  });
  const ends: string[] = [];
  const begin = (id: string, of: Partial<Call> = {}) =>
    complete(testCall({ id, ...of })).then(
      () => ends.push(id),
      (error) => ends.push(`${id}: ${error.kind ?? error}`),
    );
  /** Has memory looked at and found critical. */
  const critical = async () => {
    for (const task of watchers) task();
    await settle();
  };
  return { clock, watchers, short, news, inside, answers, complete, ends, begin, critical };
}

/** What is lighter is not ended, since that would free next to nothing. */
const LEAST = 16_384;

/** What holds so many characters more than the least. */
const long = (characters: number): Partial<Call> => requestOfLength(LEAST + characters);

const requestOfLength = (characters: number): Partial<Call> => ({
  request: requestOf({ messages: [user(text('x'.repeat(characters)))] }),
});

const all = 'x'.repeat(LEAST);

describe('shed', () => {
  it.each<[Shortage, Priority, RegExp]>([
    ['delay', 'low', /busy/],
    ['memory', 'high', /short of memory/],
  ])('refuses for %s what the pressure says, and tells of it', async (cause, priority, message) => {
    const { short, news, inside, complete } = scene();
    short.cause = cause;
    await expect(complete(testCall({ priority }))).rejects.toMatchObject({
      kind: 'overloaded',
      message: expect.stringMatching(message),
    });
    expect([news, inside.size]).toEqual([[{ type: 'shed', priority, cause }], 0]);
  });

  it('asks about the priority of the call', async () => {
    const asked: Priority[] = [];
    const pressure = {
      enabled: true,
      refuses: (priority: Priority) => {
        asked.push(priority);
        return undefined;
      },
      onCritical: () => () => {},
    };
    const complete = shed({ pressure, clock: fakeClock(), tell: () => {} })(async () => helloResponse());
    await complete(testCall({ priority: 'high' }));
    expect(asked).toEqual(['high']);
  });

  it('tells calls to try again after 1 to 3 seconds, each after another time', async () => {
    const { clock, short, complete } = scene();
    short.cause = 'delay';
    clock.chances = [0, 0.5, 0.999];
    const waits: unknown[] = [];
    for (let i = 0; i < 3; i++)
      waits.push(await complete(testCall()).catch((error: { facts: { retryAfterMs: number } }) => error.facts));
    expect(waits).toEqual([1_000, 2_000, 2_998].map((retryAfterMs) => ({ retryAfterMs })));
  });

  it('is not there when it is switched off', () => {
    const pressure = { enabled: false, refuses: () => 'delay' as const, onCritical: () => () => {} };
    expect(shed({ pressure, clock: fakeClock(), tell: () => {} })(hang)).toBe(hang);
  });

  it('passes on what the call is answered with, and lets go of it', async () => {
    const { begin, answers, ends, watchers } = scene();
    const one = begin('1');
    const two = begin('2');
    expect(watchers.size).toBe(1);
    answers.get('1')?.();
    await one;
    expect(watchers.size).toBe(1);
    answers.get('2')?.();
    await two;
    expect([ends, watchers.size]).toEqual([['1', '2'], 0]);
  });

  it('passes on that the caller has gone, and listens to the caller no more when the call is over', async () => {
    const { begin, answers, inside, ends } = scene();
    const [gone, stays] = [new AbortController(), new AbortController()];
    const left = begin('1', { signal: gone.signal });
    gone.abort('left');
    await left;
    const answered = begin('2', { signal: stays.signal });
    answers.get('2')?.();
    await answered;
    stays.abort('left');
    expect([ends, inside.get('2')?.signal.aborted]).toEqual([['1: left', '2'], false]);
  });
});

describe('when memory is critical', () => {
  it('ends the heaviest call, one each time, and tells of it', async () => {
    const { begin, critical, news, ends, watchers, inside } = scene();
    begin('small', long(10));
    begin('large', long(1_000));
    begin('middle', long(100));
    await critical();
    expect([ends, news]).toEqual([['large: overloaded'], [{ type: 'ended_for_memory' }]]);
    expect(inside.get('large')?.signal.reason).toMatchObject({
      kind: 'overloaded',
      message: expect.stringMatching(/memory.*largest/),
      facts: { retryAfterMs: 1_000 },
    });
    await critical();
    await critical();
    await critical();
    expect(ends).toEqual(['large: overloaded', 'middle: overloaded', 'small: overloaded']);
    expect([news.length, watchers.size]).toEqual([3, 0]);
  });

  it('ends nothing when the last call has just left', async () => {
    const { begin, watchers, answers, news, ends } = scene();
    const one = begin('1');
    const [look] = watchers;
    answers.get('1')?.();
    await one;
    look?.();
    expect([ends, news]).toEqual([['1'], []]);
  });

  it('ends nothing that holds next to nothing', async () => {
    const { begin, critical, ends, news } = scene();
    begin('light', requestOfLength(LEAST - 1));
    begin('heavy', requestOfLength(LEAST));
    for (let i = 0; i < 3; i++) await critical();
    expect(ends).toEqual(['heavy: overloaded']);
    expect(news).toHaveLength(1);
  });

  it('does not end again what it has ended, although that takes its time to go', async () => {
    const { complete, critical, news } = stubborn();
    const large = complete(testCall({ id: 'large', ...long(1_000) }));
    const small = complete(testCall({ id: 'small', ...long(10) }));
    await critical();
    await critical();
    expect(news.map(({ id }) => id)).toEqual(['large', 'small']);
    await Promise.all([large, small]);
  });

  it('counts the bytes of pictures and files, and not what is only linked to', async () => {
    const { begin, critical, ends } = scene();
    const picture = (source: { case: 'data'; value: Uint8Array<ArrayBuffer> } | { case: 'url'; value: string }) => ({
      request: requestOf({ messages: [user({ part: { case: 'image', value: { source } } })] }),
    });
    begin('text', long(5_000));
    begin('picture', picture({ case: 'data', value: new Uint8Array(LEAST + 6_000) }));
    begin('link', picture({ case: 'url', value: `https://example.com/${all}.png` }));
    for (let i = 0; i < 3; i++) await critical();
    expect(ends.map((end) => end.split(':')[0])).toEqual(['picture', 'text']);
  });

  it.each<[string, readonly Delta[], readonly Delta[]]>([
    ['text', [textDelta(`x${all}`)], [textDelta(all)]],
    ['reasoning', [reasoningDelta(`x${all}`)], [textDelta(all)]],
    ['a refusal', [refusalDelta(all), refusalDelta('x')], [textDelta(all)]],
    ['the arguments of a tool', [toolCallDelta(0, `x${all}`, { id: 'a', name: 'b' })], [textDelta(all)]],
    [
      'nothing that a restart has made void',
      [textDelta(all)],
      [textDelta(all), { case: 'restart', value: create(RestartSchema) }, textDelta('x')],
    ],
  ])('counts what has been answered: %s', async (_, heavy, light) => {
    const { begin, critical, inside, ends } = scene();
    const sinks = [listSink(), listSink()];
    begin('light', { sink: sinks[0] });
    begin('heavy', { sink: sinks[1] });
    for (const delta of light) inside.get('light')?.sink?.emit(delta);
    for (const delta of heavy) inside.get('heavy')?.sink?.emit(delta);
    await critical();
    expect(ends).toEqual(['heavy: overloaded']);
    expect(sinks.map(({ deltas }) => deltas)).toEqual([light, heavy]);
  });

  it('ends them by weight, whatever they are and in whatever order they came', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(500), { minLength: 1, maxLength: 12 }), async (weights) => {
        const { begin, critical, ends, watchers } = scene();
        for (const weight of weights) begin(String(weight), long(weight));
        for (const _ of weights) await critical();
        expect(ends.map((end) => Number(end.split(':')[0]))).toEqual(weights.toSorted((a, b) => b - a));
        expect(watchers.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});

/** What is inside does not end before both are told to. */
function stubborn() {
  const watchers = new Set<() => void>();
  const news: { id: string }[] = [];
  const both = Promise.withResolvers<void>();
  const pressure = {
    enabled: true,
    refuses: () => undefined,
    onCritical(task: () => void) {
      watchers.add(task);
      return () => watchers.delete(task);
    },
  };
  const complete = shed({ pressure, clock: fakeClock(), tell: () => {} })(async ({ id, signal }) => {
    signal.addEventListener('abort', () => {
      news.push({ id });
      if (news.length === 2) both.resolve();
    });
    await both.promise;
    return helloResponse();
  });
  const critical = async () => {
    for (const task of watchers) task();
    await settle();
  };
  return { complete, critical, news };
}

describe('the sink', () => {
  it('is the caller’s, but that what goes by is measured', async () => {
    const { begin, inside, answers } = scene();
    const sink = listSink();
    const one = begin('1', { sink });
    const passed = inside.get('1')?.sink;
    expect(passed?.committed).toBe(false);
    expect(passed?.emit(textDelta('x'))).toBe(true);
    sink.room = false;
    expect(passed?.emit(textDelta('x'))).toBe(false);
    expect(passed?.committed).toBe(true);
    const ready = passed?.ready();
    sink.drain();
    await ready;
    answers.get('1')?.();
    await one;
  });

  it('is none where the call does not stream', async () => {
    const { begin, inside, answers } = scene();
    const one = begin('1');
    expect(inside.get('1')?.sink).toBeUndefined();
    answers.get('1')?.();
    await one;
  });
});
