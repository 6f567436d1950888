import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import { deadline } from '../../src/layers/deadline.ts';
import { hang, helloResponse, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

describe('deadline', () => {
  it('leaves a call without a deadline as it is', async () => {
    const clock = fakeClock();
    const call = testCall();
    await deadline(clock)(async (passed) => {
      expect(passed).toBe(call);
      return helloResponse();
    })(call);
    expect(clock.pending).toBe(0);
  });

  it('aborts what is below when the deadline passes, and not before', async () => {
    const clock = fakeClock();
    const result = deadline(clock)(hang)(testCall({ deadlineMs: 1_500 }));
    let failed = false;
    result.catch(() => {
      failed = true;
    });
    clock.advance(499);
    await Promise.resolve();
    expect(failed).toBe(false);
    clock.advance(1);
    await expect(result).rejects.toMatchObject({ kind: 'deadline_exceeded' });
    expect(clock.pending).toBe(0);
  });

  it('does not start what cannot end', async () => {
    const clock = fakeClock();
    const next = deadline(clock)(() => expect.fail('was called'));
    await expect(next(testCall({ deadlineMs: 1_000 }))).rejects.toMatchObject({ kind: 'deadline_exceeded' });
  });

  it("calls a caller's cancel at the deadline what it is", async () => {
    const clock = fakeClock();
    const caller = new AbortController();
    const result = deadline(clock)(hang)(testCall({ deadlineMs: 1_500, signal: caller.signal }));
    result.catch(() => undefined);
    clock.chances = [0];
    clock.advance(499.9);
    caller.abort(new GatewayError('cancelled', 'gone'));
    await expect(result).rejects.toMatchObject({ kind: 'cancelled' });
    const late = new AbortController();
    late.abort(new GatewayError('cancelled', 'gone'));
    const slow = deadline(clock)(async (call) => {
      clock.advance(1_000);
      throw call.signal.reason ?? new GatewayError('cancelled', 'gone');
    })(testCall({ deadlineMs: 2_000, signal: late.signal }));
    await expect(slow).rejects.toMatchObject({ kind: 'deadline_exceeded' });
  });

  it('lets go of timer and signal when the call ends', async () => {
    const clock = fakeClock();
    const caller = new AbortController();
    let inner: AbortSignal | undefined;
    await deadline(clock)(async (call) => {
      inner = call.signal;
      return helloResponse();
    })(testCall({ deadlineMs: 9_000, signal: caller.signal }));
    expect(clock.pending).toBe(0);
    caller.abort();
    expect(inner?.aborted).toBe(false);
  });
});
