import { describe, expect, it } from 'vitest';
import { anonymous, type Call } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import type { News } from '../../src/core/news.ts';
import { concurrency } from '../../src/layers/concurrency.ts';
import { defaultConcurrency } from '../../src/resilience/settings.ts';
import { type Claim, Turns } from '../../src/resilience/turns.ts';
import { hang, helloResponse, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** One turn at a time, and a provider that answers when it is told to. */
function scene(overrides: Partial<typeof defaultConcurrency> = {}) {
  const clock = fakeClock();
  const turns = new Turns({ ...defaultConcurrency, max: 1, ...overrides }, clock);
  const news: News[] = [];
  const inside: { id: string; answer(): void; fail(error: unknown): void }[] = [];
  const complete = concurrency(turns, clock, (one) => news.push(one))(
    ({ id }) =>
      new Promise((resolve, reject) => {
        inside.push({ id, answer: () => resolve(helloResponse()), fail: reject });
      }),
  );
  const ends: string[] = [];
  const begin = (id: string, of: Partial<Call> = {}) => {
    const call = testCall({ id, ...of });
    const end = complete(call).then(
      () => ends.push(id),
      (error) => ends.push(`${id}: ${error.kind ?? error}`),
    );
    return { call, end };
  };
  const over = async () => {
    for (let one = inside.shift(); one; one = inside.shift()) {
      one.answer();
      await settle();
    }
    expect([turns.active, turns.queued, clock.pending]).toEqual([0, 0, 0]);
    return ends;
  };
  return { clock, turns, news, inside, complete, begin, ends, over };
}

describe('concurrency', () => {
  it('holds a turn until the try has ended, well or badly', async () => {
    const { inside, begin, ends, over } = scene();
    begin('1');
    begin('2');
    begin('3');
    await settle();
    expect(inside.map(({ id }) => id)).toEqual(['1']);
    inside.shift()?.fail(new GatewayError('upstream_error', 'no'));
    await settle();
    expect([ends, inside.map(({ id }) => id)]).toEqual([['1: upstream_error'], ['2']]);
    expect(await over()).toEqual(['1: upstream_error', '2', '3']);
  });

  it('gives the turn back when the provider fails at once', async () => {
    const clock = fakeClock();
    const turns = new Turns(defaultConcurrency, clock);
    const complete = concurrency(
      turns,
      clock,
    )(() => {
      throw new Error('no');
    });
    await expect(complete(testCall())).rejects.toThrow('no');
    expect(turns.active).toBe(0);
  });

  it('passes on the very call, and keeps how long it waited', async () => {
    const { clock, inside, begin, over } = scene();
    const first = begin('1');
    const second = begin('2');
    second.call.trail.queuedMs = 5;
    clock.advance(300);
    inside.shift()?.answer();
    await settle();
    expect([first.call.trail.queuedMs, second.call.trail.queuedMs]).toEqual([0, 305]);
    await over();
  });

  it('keeps how long it waited in vain, too', async () => {
    const { clock, begin, over } = scene({ maxWaitMs: 200 });
    begin('1');
    const { call, end } = begin('2');
    clock.advance(200);
    await end;
    expect(call.trail.queuedMs).toBe(200);
    await over();
  });

  it('takes no turn for a call that was aborted before', async () => {
    const { inside, begin, ends, over } = scene();
    await begin('1', { signal: AbortSignal.abort('left') }).end;
    expect([ends, inside]).toEqual([['1: left'], []]);
    await over();
  });

  it('leaves the queue when the call is aborted', async () => {
    const { turns, begin, over } = scene();
    const abort = new AbortController();
    begin('1');
    const { end } = begin('2', { signal: abort.signal });
    abort.abort('left');
    await end;
    expect(turns.queued).toBe(0);
    expect(await over()).toEqual(['2: left', '1']);
  });

  it('passes on no call that was aborted in the moment in which its turn came', async () => {
    const { turns, inside, begin, ends, over } = scene();
    const abort = new AbortController();
    const release = turns.tryTake();
    begin('1', { signal: abort.signal });
    begin('2');
    release?.();
    abort.abort('left');
    await settle();
    expect([ends, inside.map(({ id }) => id)]).toEqual([['1: left'], ['2']]);
    await over();
  });

  it('gives the turn back when the call is aborted while it has one', async () => {
    const clock = fakeClock();
    const turns = new Turns(defaultConcurrency, clock);
    const abort = new AbortController();
    const call = concurrency(turns, clock)(hang)(testCall({ signal: abort.signal }));
    expect(turns.active).toBe(1);
    abort.abort('left');
    await expect(call).rejects.toBe('left');
    expect(turns.active).toBe(0);
  });

  it.each<[string, Partial<typeof defaultConcurrency>, Partial<Call>, number, string]>([
    ['full', { maxQueued: 0 }, {}, 0, 'full'],
    ['too slow', { maxWaitMs: 100 }, {}, 100, 'too_long'],
    ['too slow for the deadline', {}, { deadlineMs: 1_100, answerByMs: 1_200 }, 100, 'too_late'],
    ['too slow for another target to be tried after it', {}, { deadlineMs: 1_200, answerByMs: 1_100 }, 100, 'too_late'],
  ])('refuses when the queue is %s, and tells of it', async (_, settings, of, afterMs, cause) => {
    const { clock, news, complete, begin, over } = scene(settings);
    begin('1');
    const refused = complete(testCall(of)).catch((error: unknown) => error);
    clock.advance(afterMs);
    expect(await refused).toMatchObject({
      kind: 'queue_full',
      facts: { target: { provider: 'mock', model: 'echo' }, retryAfterMs: expect.any(Number) },
    });
    expect(news).toEqual([{ type: 'queue_refused', provider: 'mock', cause }]);
    await over();
  });

  it('tells also of a call that has to leave for one of a higher priority', async () => {
    const { news, begin, over } = scene({ maxQueued: 1 });
    begin('1');
    begin('2', { priority: 'low' });
    begin('3', { priority: 'high' });
    await settle();
    expect(news).toEqual([{ type: 'queue_refused', provider: 'mock', cause: 'full' }]);
    expect(await over()).toEqual(['2: queue_full', '1', '3']);
  });

  it('need not be listened to, and refuses a call without a target as well', async () => {
    const clock = fakeClock();
    const turns = new Turns({ ...defaultConcurrency, max: 1, maxQueued: 0 }, clock);
    const release = turns.tryTake();
    const complete = concurrency(turns, clock)(hang);
    await expect(complete(testCall())).rejects.toMatchObject({ kind: 'queue_full' });
    await expect(complete(testCall({ target: undefined }))).rejects.toMatchObject({ kind: 'queue_full' });
    release?.();
  });
});

describe('what calls wait in line with', () => {
  /** What the queue is asked for. */
  async function claimOf(
    of: Partial<Call>,
    sourceAgent = 'tester',
    fastestMs: Readonly<Record<string, number>> = {},
  ): Promise<Partial<Claim>> {
    const claims: Claim[] = [];
    const full = {
      tryTake: () => undefined,
      wait: (claim: Claim) => {
        claims.push(claim);
        return Promise.reject(new GatewayError('queue_full', 'no'));
      },
    };
    const call = testCall(of);
    call.context.sourceAgent = sourceAgent;
    const layer = concurrency(full, fakeClock(), undefined, ({ model }) => fastestMs[model]);
    await expect(layer(hang)(call)).rejects.toMatchObject({ kind: 'queue_full' });
    const [claim] = claims;
    return { ...claim };
  }

  it.each<[string, Partial<Call>, string]>([
    [
      'the name of a caller that has one',
      { caller: { ...anonymous, name: 'billing', isAnonymous: false } },
      'key:billing',
    ],
    [
      'the team of a caller that has one, whichever of its keys it uses',
      { caller: { ...anonymous, name: 'billing', team: 'money', isAnonymous: false } },
      'team:money',
    ],
    ['what calls, if nobody knows who does', {}, 'agent:tester'],
  ])('is %s', async (_, of, flow) => {
    expect(await claimOf(of)).toMatchObject({ flow });
  });

  it('is never mixed up with what a caller has written itself', async () => {
    const known = await claimOf({ caller: { ...anonymous, name: 'billing', isAnonymous: false } });
    const written = await claimOf({}, 'billing');
    expect(written.flow).not.toBe(known.flow);
  });

  it('has the priority of the call, and the time until which a turn is of use', async () => {
    expect(await claimOf({ priority: 'high', deadlineMs: 1_500, answerByMs: 1_400 })).toMatchObject({
      priority: 'high',
      untilMs: 1_400,
    });
    expect(await claimOf({})).toMatchObject({ untilMs: Number.POSITIVE_INFINITY });
  });

  it('does not wait for a turn after which there is no time left for an answer', async () => {
    const own = { target: { provider: 'mock', model: 'slow' }, deadlineMs: 1_500, answerByMs: 1_400 };
    expect(await claimOf(own, 'tester', { slow: 300 })).toMatchObject({ untilMs: 1_100 });
    expect(await claimOf(own, 'tester', { other: 300 })).toMatchObject({ untilMs: 1_400 });
    expect(await claimOf({ ...own, target: undefined }, 'tester', { slow: 300 })).toMatchObject({ untilMs: 1_400 });
  });
});
