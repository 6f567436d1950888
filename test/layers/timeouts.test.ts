import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/core/call.ts';
import type { GatewayError } from '../../src/core/errors.ts';
import { textDelta } from '../../src/core/events.ts';
import { noPolicy } from '../../src/core/policy.ts';
import { timeouts } from '../../src/layers/timeouts.ts';
import { hang, helloResponse, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const limits = { connectMs: 10, firstTokenMs: 100, idleMs: 50, totalMs: 1_000, streamTotalMs: 300, stallMs: 70 };

/** Starts a call that hangs; gives what the backend got, and how it ended. */
function start(overrides: Partial<Call> = {}) {
  const clock = fakeClock();
  const delaysMs: number[] = [];
  const watchedClock = {
    ...clock,
    after(delayMs: number, task: () => void) {
      delaysMs.push(delayMs);
      return clock.after(delayMs, task);
    },
  };
  let inner = testCall();
  const result = timeouts(
    limits,
    watchedClock,
  )((call) => {
    inner = call;
    return hang(call);
  })(testCall(overrides)).then(
    () => 'answered',
    (error: GatewayError) => `${error.kind}: ${error.message}`,
  );
  let outcome = 'pending';
  result.then((text) => {
    outcome = text;
  });
  const outcomeAfter = async (ms: number) => {
    clock.advance(ms);
    await settle();
    return outcome;
  };
  return { clock, call: inner, outcomeAfter, delaysMs };
}

describe('timeouts', () => {
  it('bounds the time to connect', async () => {
    const { outcomeAfter } = start();
    expect(await outcomeAfter(9)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(/^upstream_timeout: .*did not accept the connection/);
  });

  it('bounds the time to the first token of a stream, from the connection on', async () => {
    const { outcomeAfter, call } = start({ sink: listSink() });
    await outcomeAfter(9);
    call.onConnected();
    expect(await outcomeAfter(99)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(/^upstream_timeout: .*did not begin/);
  });

  it('bounds the time between tokens, each of which starts it anew', async () => {
    const { outcomeAfter, call } = start({ sink: listSink() });
    call.onConnected();
    for (let i = 0; i < 4; i++) {
      await outcomeAfter(49);
      call.sink?.emit(textDelta('x'));
    }
    expect(await outcomeAfter(49)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(/^upstream_timeout: .*stopped in the middle/);
  });

  it('bounds the whole stream, however well it drips', async () => {
    const { outcomeAfter, call } = start({ sink: listSink() });
    call.onConnected();
    let outcome = 'pending';
    for (let ms = 0; ms < 290; ms += 10) {
      call.sink?.emit(textDelta('x'));
      outcome = await outcomeAfter(10);
    }
    expect(outcome).toBe('pending');
    expect(await outcomeAfter(10)).toMatch(/^upstream_timeout: .*did not finish/);
  });

  it('bounds a unary answer as a whole only', async () => {
    const { outcomeAfter, call } = start();
    call.onConnected();
    expect(await outcomeAfter(999)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(/^upstream_timeout: .*did not finish/);
  });

  it('blames a caller who does not read, and forgives one who reads again', async () => {
    const sink = listSink();
    const { outcomeAfter, call } = start({ sink });
    call.onConnected();
    sink.room = false;
    call.sink?.emit(textDelta('x'));
    const ready = call.sink?.ready();
    expect(await outcomeAfter(69)).toBe('pending');
    sink.drain();
    await ready;
    expect(await outcomeAfter(49)).toBe('pending');
    call.sink?.emit(textDelta('x'));
    expect(await outcomeAfter(69)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(/^slow_consumer/);
  });

  it('passes on whether the stream is committed', () => {
    const sink = listSink();
    const { call } = start({ sink });
    expect(call.sink?.committed).toBe(false);
    call.sink?.emit(textDelta('x'));
    expect(call.sink?.committed).toBe(true);
  });

  it('leaves nothing behind', async () => {
    const clock = fakeClock();
    await timeouts(limits, clock)(async () => helloResponse())(testCall({ sink: listSink() }));
    expect(clock.pending).toBe(0);
  });
});

describe('the limits of a call', () => {
  it('go before those of the configuration, one by one', async () => {
    const own = { policy: { ...noPolicy, limits: { firstTokenMs: 20, idleMs: 90 } }, sink: listSink() };
    const connecting = start(own);
    expect(await connecting.outcomeAfter(9)).toBe('pending');
    expect(await connecting.outcomeAfter(1)).toMatch(/did not accept/);
    const beginning = start(own);
    beginning.call.onConnected();
    expect(await beginning.outcomeAfter(19)).toBe('pending');
    expect(await beginning.outcomeAfter(1)).toMatch(/did not begin/);
    const flowing = start({ ...own, sink: listSink() });
    flowing.call.sink?.emit(textDelta('x'));
    expect(await flowing.outcomeAfter(89)).toBe('pending');
    expect(await flowing.outcomeAfter(1)).toMatch(/stopped in the middle/);
  });

  it.each([
    ['total', { totalMs: 200 }, undefined],
    ['streamTotal', { streamTotalMs: 200, idleMs: 999 }, listSink()],
    ['stall', { stallMs: 200 }, { ...listSink(), room: false }],
  ])('may be its %s', async (_, own, sink) => {
    const { call, outcomeAfter } = start({ policy: { ...noPolicy, limits: own }, sink });
    call.onConnected();
    call.sink?.emit(textDelta('x'));
    expect(await outcomeAfter(199)).toBe('pending');
    expect(await outcomeAfter(1)).not.toBe('pending');
  });
});

describe('the time that is kept for other models', () => {
  const share = /^upstream_timeout: .*did not answer in its part of the time: .* kept for other models/;

  it('is kept from a whole answer', async () => {
    const { call, outcomeAfter, clock } = start({ answerByMs: 1_200 });
    call.onConnected();
    expect(await outcomeAfter(199)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(share);
    expect(clock.pending).toBe(0);
  });

  it('is kept from connecting, too', async () => {
    const { outcomeAfter } = start({ answerByMs: 1_005 });
    expect(await outcomeAfter(4)).toBe('pending');
    expect(await outcomeAfter(1)).toMatch(share);
  });

  it('is kept from a stream until that has begun, and not after', async () => {
    const slow = start({ answerByMs: 1_040, sink: listSink() });
    slow.call.onConnected();
    expect(await slow.outcomeAfter(39)).toBe('pending');
    expect(await slow.outcomeAfter(1)).toMatch(share);
    const quick = start({ answerByMs: 1_040, sink: listSink() });
    quick.call.onConnected();
    await quick.outcomeAfter(39);
    quick.call.sink?.emit(textDelta('x'));
    expect(await quick.outcomeAfter(49)).toBe('pending');
    expect(await quick.outcomeAfter(1)).toMatch(/stopped in the middle/);
  });

  it('makes no difference where another bound comes first', async () => {
    const { call, outcomeAfter } = start({ answerByMs: 2_000, sink: listSink() });
    call.onConnected();
    expect(await outcomeAfter(100)).toMatch(/did not begin/);
    const whole = start({ answerByMs: 2_000 });
    whole.call.onConnected();
    expect(await whole.outcomeAfter(1_000)).toMatch(/did not finish/);
  });

  it('may be all there is: then a try ends at once, and not before it began', async () => {
    const { outcomeAfter, delaysMs } = start({ answerByMs: 900 });
    expect(await outcomeAfter(0)).toMatch(share);
    expect(delaysMs).toEqual([0]);
  });
});

/** What a stream may do, and how long after what it did before. */
const event = fc.record({
  act: fc.constantFrom('connected' as const, 'token' as const, 'full' as const),
  afterMs: fc.oneof(fc.nat(9), fc.nat(120)),
});

it('the first bound that passes ends a stream, whatever it does until then', async () => {
  const by = fc.option(fc.integer({ min: 990, max: 1_310 }), { nil: undefined });
  const property = fc.asyncProperty(by, fc.array(event, { maxLength: 12 }), async (answerByMs, events) => {
    const sink = listSink();
    const { clock, call, outcomeAfter, delaysMs } = start({ sink, answerByMs });
    const bounds = { phaseMs: 1_000 + limits.connectMs, endMs: Math.min(answerByMs ?? 9_999, 1_300) };
    const dueMs = () => Math.min(bounds.phaseMs, bounds.endMs);
    for (const { act, afterMs } of events) {
      expect((await outcomeAfter(afterMs)) !== 'pending').toBe(clock.now() >= dueMs());
      if (clock.now() >= dueMs()) break;
      sink.room = act === 'token';
      if (act === 'connected') call.onConnected();
      else call.sink?.emit(textDelta('x'));
      if (act !== 'connected') bounds.endMs = 1_300;
      bounds.phaseMs =
        clock.now() + { connected: limits.firstTokenMs, token: limits.idleMs, full: limits.stallMs }[act];
    }
    const leftMs = dueMs() - clock.now();
    if (leftMs > 0) expect(await outcomeAfter(leftMs - 1)).toBe('pending');
    expect(await outcomeAfter(1)).not.toBe('pending');
    expect(delaysMs.every((ms) => ms >= 0)).toBe(true);
    expect(clock.pending).toBe(0);
  });
  await fc.assert(property, { numRuns: 500 });
});
