import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AttemptSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../src/core/call.ts';
import { type ErrorFacts, type ErrorKind, errorKinds, errorRule, GatewayError } from '../../src/core/errors.ts';
import { textDelta } from '../../src/core/events.ts';
import type { News } from '../../src/core/news.ts';
import { type Retrying, retry } from '../../src/layers/retry.ts';
import { RetryBudget } from '../../src/resilience/retry-budget.ts';
import { defaultRetry, type RetrySettings } from '../../src/resilience/settings.ts';
import { hang, helloResponse, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const settings: RetrySettings = { ...defaultRetry, maxRetries: 3, beforeFallback: 1, baseMs: 100, maxMs: 1_000 };
const target = { provider: 'mock', model: 'echo' };

const failed = (kind: ErrorKind = 'upstream_error', facts: ErrorFacts = {}) => new GatewayError(kind, 'no', facts);

/** What a try meets; undefined: it answers. Those after the last are as the last. */
type Script = readonly (GatewayError | Error | undefined)[];

/** Sends one call to a provider that does what the script says, in no time. */
function send(script: Script, overrides: Partial<Call> = {}, own: Partial<Retrying> = {}) {
  const clock = fakeClock();
  clock.chances = [0.5];
  const news: News[] = [];
  const budget = new RetryBudget(settings);
  const tell = (told: News) => void news.push(told);
  const layer = retry({ settings, budget, clock, tell, fastestMs: () => undefined, ...own });
  const startsMs: number[] = [];
  const call = testCall(overrides);
  const result = layer(async ({ trail }) => {
    const error = script[Math.min(startsMs.length, script.length - 1)];
    startsMs.push(clock.now() - 1_000);
    trail.attempts.push(create(AttemptSchema, { ...target, status: error ? 14 : 0 }));
    if (error) throw error;
    return helloResponse();
  })(call);
  let end: unknown = 'pending';
  result.then(
    () => {
      end = 'answered';
    },
    (error: unknown) => {
      end = error;
    },
  );
  return {
    clock,
    call,
    news,
    budget,
    startsMs,
    /** How it ended, endAfter so long. */
    async endAfter(ms: number) {
      // Each wait begins when the one before has ended.
      for (const untilMs = clock.now() + ms; ; ) {
        await settle();
        const leftMs = untilMs - clock.now();
        if (leftMs <= 0 || clock.pending === 0) return end;
        clock.advance(Math.min(leftMs, 10));
      }
    },
  };
}

describe('retry', () => {
  it('passes an answer on at once', async () => {
    const { clock, startsMs, endAfter, news, call } = send([undefined]);
    expect(await endAfter(0)).toBe('answered');
    expect([startsMs, news, clock.pending, call.trail.upstreamMs]).toEqual([[0], [], 0, 0]);
  });

  it('tries again after longer and longer waits, and says so', async () => {
    const { startsMs, endAfter, news, call } = send([
      failed('upstream_overloaded'),
      failed('upstream_reset'),
      undefined,
    ]);
    expect(await endAfter(1_000)).toBe('answered');
    expect(startsMs).toEqual([0, 50, 150]);
    expect(news).toEqual([
      { type: 'retried', target, reason: 'upstream_overloaded', waitMs: 50 },
      { type: 'retried', target, reason: 'upstream_reset', waitMs: 100 },
    ]);
    expect(call.trail.attempts.map(({ leftBecause }) => leftBecause)).toEqual([
      'tried again after 50 ms',
      'tried again after 100 ms',
      '',
    ]);
    expect(call.trail.upstreamMs).toBe(150);
  });

  it('fails as the last try did, endAfter as many as are allowed', async () => {
    const script = ['upstream_error', 'upstream_reset', 'upstream_error', 'upstream_overloaded'] as const;
    const { startsMs, endAfter } = send(script.map((kind) => failed(kind, { upstreamStatus: 599 })));
    expect(await endAfter(10_000)).toMatchObject({ kind: 'upstream_overloaded', facts: { upstreamStatus: 599 } });
    expect(startsMs).toHaveLength(4);
  });

  const triesOf = (kind: ErrorKind): number => {
    if (!errorRule(kind).retry) return 1;
    return kind === 'upstream_timeout' ? 2 : 4;
  };

  it.each(errorKinds)('repeats %s if the table says so', async (kind) => {
    const { startsMs, endAfter } = send([failed(kind)]);
    expect(await endAfter(10_000)).toMatchObject({ kind });
    expect(startsMs).toHaveLength(triesOf(kind));
  });

  it('does not repeat a defect', async () => {
    const { startsMs, endAfter } = send([new TypeError('x is not a function')]);
    expect(await endAfter(10_000)).toMatchObject({ kind: 'internal', facts: { cause: expect.any(TypeError) } });
    expect(startsMs).toHaveLength(1);
  });

  it.each<[string, number, Partial<Call>, ErrorKind, ErrorFacts?]>([
    ['twice at most while another target is left', 2, { isLast: false }, 'upstream_error'],
    ['once while another target is left, if it took too long', 1, { isLast: false }, 'upstream_timeout'],
    ['once more if none is left, if it took too long', 2, {}, 'upstream_timeout'],
    [
      'once while another is left, endAfter a longer wait',
      1,
      { isLast: false },
      'upstream_error',
      { retryAfterMs: 1_001 },
    ],
    ['twice while another is left, endAfter a wait', 2, { isLast: false }, 'upstream_error', { retryAfterMs: 1_000 }],
    ['once if the wait is too long', 1, {}, 'upstream_rate_limited', { retryAfterMs: 20_001 }],
    ['more often if the wait is not', 4, {}, 'upstream_rate_limited', { retryAfterMs: 20_000 }],
    ['once if the provider says so', 1, {}, 'upstream_rate_limited', { shouldRetry: false }],
    ['more often if it says that', 4, {}, 'upstream_error', { shouldRetry: true }],
    ['once if the provider says the contrary of what is known', 1, {}, 'upstream_auth', { shouldRetry: true }],
    ['once if the caller has gone', 1, { signal: AbortSignal.abort(failed('cancelled')) }, 'upstream_error'],
    ['once if something has gone to the caller', 1, { sink: { ...listSink(), committed: true } }, 'upstream_error'],
    ['more often if the stream has not begun', 4, { sink: listSink() }, 'upstream_error'],
  ])('tries %s', async (_, tries, overrides, kind, facts = {}) => {
    const { clock, startsMs, endAfter, budget } = send([failed(kind, facts)], overrides);
    expect(await endAfter(120_000)).toMatchObject({ kind });
    expect(startsMs).toHaveLength(tries);
    expect(clock.pending).toBe(0);
    expect(leftOf(budget)).toBe(3);
  });

  it.each<[number, number]>([
    [2, 0],
    [0, 2],
  ])('with %i repeats in all and %i before another target repeats nothing', async (maxRetries, beforeFallback) => {
    const own = { settings: { ...settings, maxRetries, beforeFallback } };
    const { startsMs, endAfter } = send([failed()], { isLast: false }, own);
    await endAfter(10_000);
    expect(startsMs).toHaveLength(1);
  });

  it('keeps a wait that the provider has named, and draws it out by chance', async () => {
    const { startsMs, endAfter } = send([failed('upstream_rate_limited', { retryAfterMs: 5_000 }), undefined]);
    expect(await endAfter(5_250)).toBe('answered');
    expect(startsMs).toEqual([0, 5_250]);
  });

  it('lets go of a call that is no longer wanted while it waits', async () => {
    const caller = new AbortController();
    const { clock, startsMs, endAfter, call, news, budget } = send([failed()], { signal: caller.signal });
    await endAfter(20);
    caller.abort(failed('cancelled'));
    expect(await endAfter(0)).toMatchObject({ kind: 'cancelled' });
    expect([startsMs, news, clock.pending, leftOf(budget)]).toEqual([[0], [], 0, 3]);
    expect(call.trail.attempts[0]?.leftBecause).toBe('');
    expect(call.trail.upstreamMs).toBe(20);
  });

  describe('a repeat that is refused before the provider hears of it', () => {
    /** One try fails, and what comes after it is refused so. */
    async function refused(first: ErrorKind, kind: ErrorKind, facts: ErrorFacts = {}) {
      const budget = new RetryBudget(settings);
      const clock = fakeClock();
      let tries = 0;
      const layer = retry({ settings, budget, clock, tell: () => undefined, fastestMs: () => undefined });
      const result = layer(({ trail }) => {
        if (++tries > 1) return Promise.reject(failed(kind, facts));
        trail.attempts.push(create(AttemptSchema, { ...target, status: 14 }));
        return Promise.reject(failed(first, { upstreamStatus: 503 }));
      })(testCall());
      const end = result.catch((error: GatewayError) => error);
      await settle();
      clock.advance(1_000);
      expect([await end, tries, leftOf(budget)]).toMatchObject([{}, 2, 3]);
      return end;
    }

    it.each(['circuit_open', 'queue_full'] as const)('by %s says less than what the provider did', async (kind) => {
      expect(await refused('upstream_error', kind, { retryAfterMs: 4_000 })).toMatchObject({
        kind: 'upstream_error',
        facts: { upstreamStatus: 503, retryAfterMs: 4_000 },
      });
      expect(await refused('upstream_error', kind)).not.toHaveProperty('facts.retryAfterMs');
    });

    it('since the call is over is over', async () => {
      expect(await refused('upstream_error', 'cancelled')).toMatchObject({ kind: 'cancelled' });
    });
  });

  it('passes on a call without a target', async () => {
    const { startsMs, endAfter } = send([failed()], { target: undefined });
    expect(await endAfter(10_000)).toMatchObject({ kind: 'upstream_error' });
    expect(startsMs).toHaveLength(1);
  });
});

/** How many permissions a budget with a floor of 3 gives now. */
function leftOf(budget: RetryBudget): number {
  const taken = [budget.take(), budget.take(), budget.take(), budget.take()].filter((one) => one !== undefined);
  for (const giveBack of taken) giveBack();
  return taken.length;
}

describe('a try that cannot end in time', () => {
  // The first wait is 50 ms.
  it.each<[string, Partial<Call>, number | undefined, number]>([
    ['is begun if there is time', { deadlineMs: 1_051 }, undefined, 2],
    ['is not begun at the deadline', { deadlineMs: 1_050 }, undefined, 1],
    ['is not begun when another target must have its turn', { deadlineMs: 9_999, answerByMs: 1_050 }, undefined, 1],
    ['is begun if even the deadline is before that turn', { deadlineMs: 1_051, answerByMs: 9_999 }, undefined, 2],
    ['is begun if its fastest answer would be in time', { deadlineMs: 1_081 }, 30, 2],
    ['is not begun if its fastest answer would be late', { deadlineMs: 1_080 }, 30, 1],
    ['is not begun if its fastest answer would be late for the turn', { answerByMs: 1_080 }, 30, 1],
  ])('%s', async (_, overrides, fastestMs, tries) => {
    const asked: unknown[] = [];
    const own: Partial<Retrying> = {
      settings: { ...settings, maxRetries: 1 },
      fastestMs: (of) => {
        asked.push(of);
        return fastestMs;
      },
    };
    const { clock, startsMs, endAfter } = send([failed()], overrides, own);
    const early = await endAfter(0);
    // What cannot be repeated fails at once.
    expect(early === 'pending').toBe(tries === 2);
    await endAfter(1_000);
    expect(startsMs).toHaveLength(tries);
    expect(asked).toEqual([target]);
    expect(clock.pending).toBe(0);
  });
});

describe('the budget', () => {
  it('allows no repeat when it is spent, and that is told', async () => {
    const budget = new RetryBudget({ budgetPercent: 0, budgetFloor: 1 });
    const giveBack = budget.take();
    const spent = send([failed('upstream_overloaded')], {}, { budget });
    expect(await spent.endAfter(0)).toMatchObject({ kind: 'upstream_overloaded', facts: { retryAfterMs: 600 } });
    expect(spent.news).toEqual([{ type: 'budget_spent', provider: 'mock' }]);
    expect(spent.call.trail.attempts[0]?.leftBecause).toBe('');
    giveBack?.();
    const allowed = send([failed(), undefined], {}, { budget });
    expect(await allowed.endAfter(1_000)).toBe('answered');
  });

  it('is not asked for what is not to be repeated anyway', async () => {
    const budget = new RetryBudget({ budgetPercent: 0, budgetFloor: 0 });
    const { endAfter, news } = send([failed('upstream_rejected')], {}, { budget });
    await endAfter(0);
    expect(news).toEqual([]);
  });

  it('counts a call while it is there, waits and repeats, and a repeat until it is over', async () => {
    const clock = fakeClock();
    const budget = new RetryBudget({ budgetPercent: 100, budgetFloor: 0 });
    const layer = retry({ settings, budget, clock, tell: () => undefined, fastestMs: () => undefined });
    const caller = new AbortController();
    let tries = 0;
    const result = layer((call) => {
      if (++tries === 2) return hang(call);
      return Promise.reject(failed());
    })(testCall({ signal: caller.signal }));
    const end = result.catch((error: unknown) => error);
    await settle();
    expect(tries).toBe(2);
    // One call with the provider, and its repeat is under way.
    expect(budget.take()).toBeUndefined();
    caller.abort(failed('cancelled'));
    expect(await end).toMatchObject({ kind: 'cancelled' });
    budget.enter();
    const free = budget.take();
    expect([free, budget.take()]).toEqual([expect.any(Function), undefined]);
  });
});

describe('advice on when to try again', () => {
  it.each(errorKinds)('is given for %s only if it may pass', async (kind) => {
    const { endAfter } = send([failed(kind)]);
    const advice = errorRule(kind).retry ? 600 : undefined;
    expect(await endAfter(10_000)).toMatchObject({ kind, facts: advice ? { retryAfterMs: advice } : {} });
    if (!advice) expect(await endAfter(0)).not.toHaveProperty('facts.retryAfterMs');
  });

  it('is what the provider said, if it said anything', async () => {
    const long = send([failed('upstream_overloaded', { retryAfterMs: 60_000 })]);
    expect(await long.endAfter(0)).toMatchObject({ facts: { retryAfterMs: 60_000 } });
    const none = send([failed('upstream_overloaded', { shouldRetry: false })]);
    expect(await none.endAfter(0)).not.toHaveProperty('facts.retryAfterMs');
  });

  it('is given for a stream that broke off, too', async () => {
    const sink = listSink();
    sink.emit(textDelta('x'));
    const { endAfter } = send([failed('upstream_reset')], { sink });
    expect(await endAfter(0)).toMatchObject({ kind: 'upstream_reset', facts: { retryAfterMs: 600 } });
  });
});
