import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/core/call.ts';
import { textDelta } from '../../src/core/events.ts';
import { timeouts } from '../../src/layers/timeouts.ts';
import { hang, helloResponse, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const limits = { connectMs: 10, firstTokenMs: 100, idleMs: 50, totalMs: 1_000, streamTotalMs: 300, stallMs: 70 };

/** Starts a call that hangs; gives what the backend got, and how it ended. */
function start(overrides: Partial<Call> = {}) {
  const clock = fakeClock();
  let inner = testCall();
  const result = timeouts(
    limits,
    clock,
  )((call) => {
    inner = call;
    return hang(call);
  })(testCall(overrides)).then(
    () => 'answered',
    (error) => `${error.kind}: ${error.message}`,
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
  return { clock, call: inner, outcomeAfter };
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
