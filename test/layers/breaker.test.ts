import { beforeEach, describe, expect, it } from 'vitest';
import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { type Call, newTrail } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import { type ErrorFacts, type ErrorKind, errorKinds, GatewayError } from '../../src/core/errors.ts';
import { textDelta } from '../../src/core/events.ts';
import type { News } from '../../src/core/news.ts';
import type { Target } from '../../src/core/target.ts';
import { breaker } from '../../src/layers/breaker.ts';
import { Outcomes } from '../../src/resilience/outcomes.ts';
import { type BreakerSettings, defaultBreaker } from '../../src/resilience/settings.ts';
import type { TargetState } from '../../src/resilience/target-state.ts';
import { TargetStates } from '../../src/resilience/target-states.ts';
import { helloResponse, listSink, settle, testCall } from '../support/calls.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

const target: Target = { provider: 'mock', model: 'echo' };
const settings: BreakerSettings = { ...defaultBreaker, consecutiveFailures: 2, probes: 1 };

const news: News[] = [];
let clock: FakeClock;
let states: TargetStates;
let state: TargetState;

beforeEach(() => {
  news.length = 0;
  clock = fakeClock();
  states = new TargetStates(settings, clock, (one) => news.push(one));
  state = states.of(target);
});

/** Makes a call whose provider is played by the test. Gives what the provider got, and how the call ended. */
function start(overrides: Partial<Call> = {}) {
  const answer = Promise.withResolvers<CompleteResponse>();
  let inner: Call | undefined;
  const next: Complete = (call) => {
    inner = call;
    return answer.promise;
  };
  const ended = breaker({ stateOf: (one) => states.of(one), clock })(next)(testCall(overrides)).then(
    () => 'answered' as const,
    (error) => error as GatewayError,
  );
  return {
    get call() {
      if (!inner) throw new Error('the provider was not asked');
      return inner;
    },
    get wasAsked() {
      return inner !== undefined;
    },
    succeed() {
      answer.resolve(helloResponse());
      return ended;
    },
    fail(kind: ErrorKind, facts: ErrorFacts = {}) {
      answer.reject(new GatewayError(kind, 'no', facts));
      return ended;
    },
    ended,
  };
}

const fail = (kind: ErrorKind, facts: ErrorFacts = {}, overrides: Partial<Call> = {}) =>
  start(overrides).fail(kind, facts);
const succeed = () => start().succeed();
const summary = () => Outcomes.summary([state.outcomes]);

/** Durations are kept within 10 percent. */
function expectDuration(ms: number): void {
  expect(summary().p50Ms).toBeGreaterThan(ms * 0.9);
  expect(summary().p50Ms).toBeLessThan(ms * 1.1);
}

async function open(): Promise<void> {
  await fail('upstream_error');
  await fail('upstream_error');
}

/** Half open is the state that tells failures, answers and what says nothing apart. */
async function halfOpen(): Promise<void> {
  await open();
  clock.advance(settings.openMs);
}

describe('a call', () => {
  it('goes through as it is, and so does its answer', async () => {
    const call = testCall();
    const response = helloResponse();
    const layer = breaker({ stateOf: () => state, clock });
    const got = await layer(async (inner) => {
      expect(inner).toBe(call);
      return response;
    })(call);
    expect(got).toBe(response);
  });

  it('without a target goes through unjudged', async () => {
    const stateOf = () => expect.fail('asked for a state');
    const layer = breaker({ stateOf, clock })(async () => helloResponse());
    expect(await layer(testCall({ target: undefined }))).toEqual(helloResponse());
  });

  it('is refused while the breaker is open, is told when to come again, and leaves nothing behind', async () => {
    await open();
    const before = [state.active, summary()];
    clock.advance(1_000);
    const refused = start({ isLast: false });
    const error = await refused.ended;
    expect(refused.wasAsked).toBe(false);
    expect(error).toMatchObject({ kind: 'circuit_open', facts: { retryAfterMs: 4_000, target } });
    expect([state.active, summary()]).toEqual(before);
  });

  it('goes through if nothing else is left, one at a time', async () => {
    await open();
    const last = start({ isLast: true });
    expect([last.wasAsked, start({ isLast: true }).wasAsked]).toEqual([true, false]);
    await last.succeed();
    expect(state.breaker.state).toBe('closed');
  });

  it('fails with what its provider failed with, and with a GatewayError whatever is thrown', async () => {
    const error = new GatewayError('upstream_error', 'no');
    const layer = (thrown: unknown) => breaker({ stateOf: () => state, clock })(() => Promise.reject(thrown));
    await expect(layer(error)(testCall())).rejects.toBe(error);
    await expect(layer(new Error('?'))(testCall())).rejects.toMatchObject({ kind: 'internal' });
  });

  it('counts while it is under way, however it ends', async () => {
    const calls = [start(), start(), start()];
    expect(state.active).toBe(3);
    await calls[0]?.succeed();
    await calls[1]?.fail('upstream_error');
    expect(state.active).toBe(1);
    await calls[2]?.fail('cancelled');
    expect(state.active).toBe(0);
  });

  it('tells what becomes of the breaker', async () => {
    await halfOpen();
    await succeed();
    const reason = 'upstream_error';
    expect(news).toEqual(
      ['open', 'half_open', 'closed'].map((now) => ({ type: 'breaker', target, state: now, reason })),
    );
  });
});

/** What each error says of the provider, to the breaker and to the counts. */
const said: Readonly<Record<ErrorKind, readonly ['open' | 'half_open' | 'closed', 'failure' | 'call' | 'nothing']>> = {
  invalid_request: ['half_open', 'nothing'],
  field_not_supported: ['half_open', 'nothing'],
  request_too_large: ['closed', 'call'],
  unauthenticated: ['half_open', 'nothing'],
  permission_denied: ['half_open', 'nothing'],
  model_not_allowed: ['half_open', 'nothing'],
  model_not_found: ['half_open', 'nothing'],
  provider_not_configured: ['half_open', 'nothing'],
  model_lacks_ability: ['half_open', 'nothing'],
  rate_limited: ['half_open', 'nothing'],
  budget_exceeded: ['half_open', 'nothing'],
  overloaded: ['half_open', 'nothing'],
  queue_full: ['half_open', 'nothing'],
  idempotency_in_progress: ['half_open', 'nothing'],
  idempotency_mismatch: ['half_open', 'nothing'],
  cache_miss: ['half_open', 'nothing'],
  deadline_exceeded: ['half_open', 'nothing'],
  cancelled: ['half_open', 'nothing'],
  slow_consumer: ['half_open', 'nothing'],
  shutting_down: ['half_open', 'nothing'],
  internal: ['half_open', 'nothing'],
  not_found: ['half_open', 'nothing'],
  already_exists: ['half_open', 'nothing'],
  failed_precondition: ['half_open', 'nothing'],
  conflict: ['half_open', 'nothing'],
  store_unavailable: ['half_open', 'nothing'],
  upstream_unreachable: ['open', 'failure'],
  upstream_tls: ['open', 'failure'],
  upstream_timeout: ['open', 'failure'],
  upstream_reset: ['open', 'failure'],
  upstream_incomplete: ['open', 'failure'],
  upstream_bad_response: ['open', 'failure'],
  upstream_too_large: ['closed', 'failure'],
  upstream_rejected: ['closed', 'call'],
  context_length_exceeded: ['closed', 'call'],
  content_blocked: ['closed', 'call'],
  upstream_not_found: ['closed', 'call'],
  upstream_auth: ['open', 'failure'],
  upstream_billing: ['open', 'failure'],
  upstream_rate_limited: ['half_open', 'failure'],
  upstream_overloaded: ['open', 'failure'],
  upstream_error: ['open', 'failure'],
  circuit_open: ['half_open', 'failure'],
};

describe('an error', () => {
  it.each(errorKinds)('of kind %s is judged', async (kind) => {
    await halfOpen();
    const before = summary();
    await fail(kind);
    const [breakerState, counted] = said[kind];
    expect(state.breaker.state).toBe(breakerState);
    expect(summary().calls - before.calls).toBe(counted === 'nothing' ? 0 : 1);
    expect(summary().failures - before.failures).toBe(counted === 'failure' ? 1 : 0);
    expect([state.active, state.breaker.enter(true) !== undefined]).toEqual([0, true]);
  });

  it('that the caller is at fault for stands between failures', async () => {
    await fail('upstream_error');
    await fail('upstream_rejected');
    await fail('upstream_error');
    expect(state.breaker.state).toBe('closed');
    await fail('cancelled');
    await fail('upstream_error');
    expect(state.breaker.state).toBe('open');
  });
});

describe('cooling', () => {
  it.each<[ErrorKind, number | undefined, number]>([
    ['upstream_rate_limited', undefined, 5_000],
    ['upstream_rate_limited', 700, 700],
    ['upstream_rate_limited', 0, 0],
    ['upstream_auth', undefined, 60_000],
    ['upstream_billing', undefined, 60_000],
    ['upstream_billing', 900_000, 900_000],
    ['upstream_overloaded', undefined, 0],
    ['upstream_overloaded', 700, 700],
    ['upstream_error', 700, 700],
    ['upstream_error', undefined, 0],
    ['queue_full', 700, 0],
    ['overloaded', 700, 0],
    ['upstream_rejected', 700, 0],
  ])('after %s with a wait of %s ms takes %i ms', async (kind, retryAfterMs, ms) => {
    await fail(kind, retryAfterMs === undefined ? {} : { retryAfterMs });
    expect([state.retryInMs, state.availability()]).toEqual([ms, ms > 0 ? 'cooling' : 'ready']);
  });

  it('does not keep calls away that come all the same', async () => {
    await fail('upstream_rate_limited');
    expect(start({ isLast: false }).wasAsked).toBe(true);
  });

  it('is over when a call succeeds that began after it', async () => {
    const before = start();
    const streamed = start({ sink: listSink() });
    await fail('upstream_rate_limited');
    await before.succeed();
    streamed.call.sink?.emit(textDelta('x'));
    expect(state.availability()).toBe('cooling');
    await fail('upstream_rejected');
    expect(state.availability()).toBe('cooling');
    await succeed();
    expect(state.availability()).toBe('ready');
  });

  it('is over with the first token of a stream that began after it', async () => {
    await fail('upstream_rate_limited');
    start({ sink: listSink() }).call.sink?.emit(textDelta('x'));
    expect(state.availability()).toBe('ready');
  });
});

describe('a unary answer', () => {
  it('counts as a whole, without the time it waited for a turn', async () => {
    const call = start({ trail: { ...newTrail(), queuedMs: 50 } });
    call.call.trail.queuedMs += 300;
    clock.advance(1_000);
    await call.succeed();
    expect([state.latency.ewmaMs, state.latency.fastestMs]).toEqual([700, 700]);
    expect(summary()).toMatchObject({ calls: 1, failures: 0 });
    expectDuration(700);
  });

  it('never took less than no time', async () => {
    const call = start();
    call.call.trail.queuedMs += 300;
    await call.succeed();
    expect([state.latency.fastestMs, summary().calls]).toEqual([0, 1]);
  });
});

describe('a stream', () => {
  const delta = textDelta('x');

  it('counts as a success from its first token on, and is timed until then', async () => {
    await halfOpen();
    const stream = start({ sink: listSink() });
    clock.advance(200);
    expect(state.breaker.state).toBe('half_open');
    stream.call.sink?.emit(delta);
    expect([state.breaker.state, state.latency.ewmaMs]).toEqual(['closed', 200]);
    clock.advance(5_000);
    stream.call.sink?.emit(delta);
    await stream.succeed();
    expect([state.latency.fastestMs, state.active]).toEqual([200, 0]);
    expectDuration(5_200);
  });

  it('that breaks off later counts as a failure', async () => {
    for (let i = 0; i < 20; i++) {
      const stream = start({ sink: listSink() });
      stream.call.sink?.emit(delta);
      expect(state.breaker.state).toBe('closed');
      await stream.fail('upstream_reset');
    }
    expect(state.breaker.state).toBe('open');
    expect(summary()).toMatchObject({ calls: 20, failures: 20 });
  });

  it('that the caller leaves later has been a success', async () => {
    await halfOpen();
    const stream = start({ sink: listSink() });
    stream.call.sink?.emit(delta);
    clock.advance(9_000);
    await stream.fail('cancelled');
    expect([state.breaker.state, state.latency.fastestMs, state.latency.ewmaMs]).toEqual(['closed', 0, 0]);
    expect(summary().calls).toBe(2);
  });

  it('without a token is a success at its end', async () => {
    const stream = start({ sink: listSink() });
    clock.advance(300);
    await stream.succeed();
    expect([state.latency.ewmaMs, summary().calls]).toEqual([300, 1]);
  });

  it('says nothing more when it is over', async () => {
    await halfOpen();
    const stream = start({ sink: listSink() });
    await stream.fail('cancelled');
    stream.call.sink?.emit(delta);
    expect([state.breaker.state, state.latency.fastestMs]).toEqual(['half_open', undefined]);
  });

  it('passes on all that a sink says', async () => {
    const sink = listSink();
    const stream = start({ sink });
    expect(stream.call.sink?.committed).toBe(false);
    expect(stream.call.sink?.emit(delta)).toBe(true);
    sink.room = false;
    expect(stream.call.sink?.emit(delta)).toBe(false);
    expect([stream.call.sink?.committed, sink.deltas]).toEqual([true, [delta, delta]]);
    let isReady = false;
    stream.call.sink?.ready().then(() => {
      isReady = true;
    });
    await settle();
    expect(isReady).toBe(false);
    sink.drain();
    await settle();
    expect(isReady).toBe(true);
  });
});

describe('an answer that nobody waited for', () => {
  it.each<[ErrorKind, number | undefined]>([
    ['deadline_exceeded', 2_000],
    ['cancelled', 2_000],
    ['upstream_timeout', 2_000],
    ['upstream_error', undefined],
    ['queue_full', undefined],
    ['upstream_rejected', undefined],
  ])('(%s) took at least that long: %s ms', async (kind, ewmaMs) => {
    const call = start();
    clock.advance(2_000);
    await call.fail(kind);
    expect([state.latency.ewmaMs, state.latency.fastestMs]).toEqual([ewmaMs, undefined]);
  });

  it.each([
    { usualMs: 800, toldMs: 500, endsMs: 500, opens: false },
    { usualMs: 800, toldMs: 800, endsMs: 800, opens: true },
    { usualMs: undefined, toldMs: 999, endsMs: 999, opens: false },
    { usualMs: undefined, toldMs: 1_000, endsMs: 1_000, opens: true },
    { usualMs: 800, toldMs: 501, endsMs: 500, opens: true },
    { usualMs: 800, toldMs: undefined, endsMs: 500, opens: true },
  ])(
    'of usually $usualMs ms, given up at $endsMs of $toldMs ms, opens the breaker: $opens',
    async ({ usualMs, toldMs, endsMs, opens }) => {
      await halfOpen();
      if (usualMs !== undefined) state.latency.record(usualMs);
      clock.advance(0);
      const call = start({ answerByMs: toldMs === undefined ? undefined : clock.now() + toldMs });
      clock.advance(endsMs);
      if (usualMs !== undefined) state.latency.record(usualMs);
      const before = summary().calls;
      await call.fail('upstream_timeout');
      expect(state.breaker.state).toBe(opens ? 'open' : 'half_open');
      expect(summary().calls - before).toBe(opens ? 1 : 0);
    },
  );

  it('says nothing of a target that nobody has ever waited for long enough', async () => {
    for (let i = 0; i < 10; i++) {
      const call = start({ answerByMs: clock.now() + 500 });
      clock.advance(500);
      await call.fail('upstream_timeout');
    }
    expect([state.breaker.state, summary().calls]).toEqual(['closed', 0]);
  });

  it('says nothing of a target that was asked long ago, and was never so fast', async () => {
    state.latency.record(1_500);
    clock.advance(200_000);
    expect(state.latency.ewmaMs).toBeUndefined();
    for (let i = 0; i < 10; i++) {
      const call = start({ answerByMs: clock.now() + 1_200 });
      clock.advance(1_200);
      await call.fail('upstream_timeout');
    }
    expect(state.breaker.state).toBe('closed');
  });

  it('counts if the provider failed, whenever that was', async () => {
    await halfOpen();
    state.latency.record(800);
    const call = start({ answerByMs: clock.now() + 100 });
    clock.advance(200);
    await call.fail('upstream_reset');
    expect(state.breaker.state).toBe('open');
  });

  it('counts in any case once it has begun', async () => {
    await halfOpen();
    state.latency.record(800);
    const call = start({ answerByMs: clock.now() + 100, sink: listSink() });
    call.call.sink?.emit(textDelta('x'));
    expect(state.breaker.state).toBe('closed');
    clock.advance(200);
    await call.fail('upstream_timeout');
    await fail('upstream_error');
    expect(state.breaker.state).toBe('open');
  });
});

it('needs no timer', async () => {
  await halfOpen();
  await succeed();
  expect(clock.pending).toBe(0);
});
