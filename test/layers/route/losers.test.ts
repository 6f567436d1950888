import { describe, expect, it } from 'vitest';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { Complete } from '../../../src/core/complete.ts';
import { grpcCode } from '../../../src/core/errors.ts';
import { textDelta } from '../../../src/core/events.ts';
import { hang, listSink } from '../../support/calls.ts';
import { deaf, hedging, left, run, slow } from './hedged.ts';
import { callTo, estimate, pass, price, sceneOf, watch } from './scene.ts';

describe('the losers', () => {
  it('are counted and shown with what they will have cost', async () => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow, 'c/1': { afterMs: 1 } });
    const { trail, call } = await run(scene, { to: ['a/1', 'b/1', 'c/1'] });
    const usage = estimate(call);
    const cancelled = { status: grpcCode.cancelled, errorReason: ErrorReason.CANCELLED, usage, cost: price() };
    const ms = (n: number) => expect.objectContaining({ nanos: n * 1e6 });
    expect(trail.attempts).toMatchObject([
      { provider: 'a', ...cancelled, duration: ms(21) },
      { provider: 'b', ...cancelled, duration: ms(11) },
      { provider: 'c', status: 0, usage: { totalTokens: 5n }, duration: ms(1), leftBecause: '' },
    ]);
    expect(trail.partialUsage).toMatchObject({
      inputTokens: usage.inputTokens * 2n,
      outputTokens: 0n,
      estimated: true,
    });
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: 14n });
  });

  it('leave nothing else', async () => {
    const scene = sceneOf({ 'a/1': { ...slow, deltas: [textDelta('x')] }, 'b/1': { afterMs: 1 } });
    const sink = listSink();
    const { trail, response } = await run(scene, { to: ['a/1', 'b/1'], sink });
    expect(sink.deltas).toEqual([textDelta('hello')]);
    expect(trail.warnings.map(({ message }) => message)).toEqual(['b/1']);
    expect(response?.content).toMatchObject([{ part: { value: 'hello' } }]);
  });

  it('cost what they say, if they answer all the same', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 20 }, 'b/1': { afterMs: 10 } });
    const { trail, response } = await run(scene, { to: ['a/1', 'b/1'], hedging: { afterMs: 10, max: 1 } });
    expect(response?.providerModel).toBe('a/1');
    expect(trail.partialUsage).toMatchObject({ totalTokens: 5n, estimated: false });
    expect(left({ trail })).toEqual(['a/1 0', 'b/1 0 another try was faster']);
  });

  it('cost nothing more if their last try had failed before', async () => {
    const repeating =
      (stack: Complete): Complete =>
      (call) =>
        stack(call).catch(() => {
          Object.assign(call.trail.attempts[0] ?? {}, { leftBecause: 'tried again' });
          return hang(call);
        });
    const scripts = { 'a/1': { end: 'upstream_error' }, 'b/1': { afterMs: 1 } } as const;
    const scene = sceneOf(scripts, (stack, provider) => (provider === 'a' ? repeating(stack) : stack));
    const ran = await run(scene, { to: ['a/1', 'b/1'] });
    expect(left(ran)).toEqual(['a/1 14 tried again', 'b/1 0']);
    expect(ran.trail.attempts[0]?.usage).toBeUndefined();
    expect(ran.trail.partialUsage).toBeUndefined();
  });

  it('cost nothing if no provider was asked', async () => {
    const scene = sceneOf({ 'a/1': { ...slow, isRefused: true }, 'b/1': { afterMs: 1 } });
    const ran = await run(scene, { to: ['a/1', 'b/1'] });
    expect(left(ran)).toEqual(['b/1 0']);
    expect(ran.trail.partialUsage).toBeUndefined();
  });

  it('are not waited for', async () => {
    const scene = sceneOf({ 'b/1': { afterMs: 1 } }, (stack, provider) => (provider === 'a' ? deaf : stack));
    const outcome = watch(scene.complete(callTo({ to: ['a/1', 'b/1'], hedging })));
    await pass(scene.clock, outcome, 50);
    expect(outcome.response?.providerModel).toBe('b/1');
  });

  it('are waited for as long as their layers need to come to an end', async () => {
    const layer =
      (next: Complete): Complete =>
      async (call) => {
        try {
          return await next(call);
        } finally {
          await undefined;
        }
      };
    const deep = (stack: Complete) => Array.from({ length: 12 }).reduce<Complete>(layer, stack);
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow, 'c/1': { afterMs: 1 } }, deep);
    let open = Number.NaN;
    const answer = scene.complete(callTo({ to: ['a/1', 'b/1', 'c/1'], hedging })).then((response) => {
      open = scene.budget.open;
      return response;
    });
    await pass(scene.clock, watch(answer));
    expect(open).toBe(0);
  });
});

describe('time', () => {
  it.each([
    ['counts once, however many wait', { 'a/1': slow, 'b/1': { afterMs: 5 } }, 15],
    ['counts of the winner', { 'a/1': { afterMs: 15 }, 'b/1': slow }, 15],
    [
      'counts of tries that all failed',
      { 'a/1': { afterMs: 12, end: 'upstream_error' }, 'b/1': { afterMs: 5, end: 'internal' } },
      15,
    ],
  ] as const)('with providers %s', async (_, scripts, upstreamMs) => {
    const { trail } = await run(sceneOf(scripts), { to: ['a/1', 'b/1'] });
    expect(trail.upstreamMs).toBe(upstreamMs);
  });

  it('before the winner began was none with providers, if the others waited for a turn', async () => {
    const queued: Complete = (call) =>
      new Promise((_, reject) => {
        call.trail.queuedMs += 10;
        call.signal.addEventListener('abort', () => reject(call.signal.reason));
      });
    const scene = sceneOf({ 'b/1': { afterMs: 5 } }, (stack, provider) => (provider === 'a' ? queued : stack));
    const call = callTo({ to: ['a/1', 'b/1'], hedging });
    await pass(scene.clock, watch(scene.complete(call)), 100);
    expect(call.trail.upstreamMs).toBe(5);
  });
});
