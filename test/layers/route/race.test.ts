import { describe, expect, it } from 'vitest';
import { BrokenStreamPolicy } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { GatewayError, grpcCode } from '../../../src/core/errors.ts';
import { textDelta } from '../../../src/core/events.ts';
import { helloRequest, listSink, settle } from '../../support/calls.ts';
import { deaf, hedging, left, lost, run, slow, stuck } from './hedged.ts';
import { callTo, isOver, pass, sceneOf, target, watch } from './scene.ts';

describe('a try that takes long', () => {
  it('is overtaken by one at the next target', async () => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': { afterMs: 5 } });
    const ran = await run(scene, { to: ['a/1', 'b/1', 'c/1'] });
    expect(ran.response?.providerModel).toBe('b/1');
    expect(ran.endedMs).toBe(1_015);
    expect(left(ran)).toEqual([`a/1 ${lost}`, 'b/1 0']);
    expect(ran.trail.target).toEqual(target('b/1'));
    expect(scene.news).toEqual([{ type: 'hedged', target: target('b/1'), won: true }]);
    expect(scene.asked[0]?.call.signal.reason).toMatchObject({ kind: 'cancelled' });
    expect(scene.asked[1]?.call.signal.aborted).toBe(false);
  });

  it('may still win', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 15 }, 'b/1': slow });
    const ran = await run(scene, { to: ['a/1', 'b/1'] });
    expect(ran.response?.providerModel).toBe('a/1');
    expect(left(ran)).toEqual(['a/1 0', `b/1 ${lost}`]);
    expect(scene.news).toEqual([{ type: 'hedged', target: target('b/1'), won: false }]);
  });

  it('is left alone if it answers in time', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 9 } });
    const ran = await run(scene, { to: ['a/1', 'b/1'] });
    expect(scene.names()).toEqual(['a/1']);
    expect(left(ran)).toEqual(['a/1 0']);
    expect([scene.news, scene.budget.taken]).toEqual([[], []]);
  });

  it.each([
    ['each after the last', 9, ['a/1', 'b/1', 'c/1', 'd/1'], [0, 10, 20, 30]],
    ['and no more than allowed', 2, ['a/1', 'b/1', 'c/1'], [0, 10, 20]],
    ['and none if none is allowed', 0, ['a/1'], [0]],
  ])('is followed by others, %s', async (_, max, names, at) => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow, 'c/1': slow, 'd/1': slow });
    const startedMs: number[] = [];
    const outcome = watch(scene.complete(callTo({ to: ['a/1', 'b/1', 'c/1', 'd/1'], hedging: { afterMs: 10, max } })));
    for (let ms = 0; ms < 60; ms++) {
      await settle();
      while (startedMs.length < scene.asked.length) startedMs.push(scene.clock.now() - 1_000);
      if (ms < 38) scene.clock.advance(1);
    }
    expect(scene.names()).toEqual(names);
    expect(startedMs).toEqual(at);
    await pass(scene.clock, outcome);
    expect(outcome.response?.providerModel).toBe('a/1');
    expect(scene.clock.pending).toBe(0);
  });

  it('is asked a second time if no other target is left', async () => {
    const scene = sceneOf({ 'a/1': [slow, { afterMs: 1 }] });
    const ran = await run(scene, { to: ['a/1'] });
    expect(scene.names()).toEqual(['a/1', 'a/1']);
    expect(left(ran)).toEqual([`a/1 ${lost}`, 'a/1 0']);
    expect(ran.endedMs).toBe(1_011);
  });

  it('is asked a second time rather than one that is not ready', async () => {
    const scene = sceneOf({ 'a/1': [slow, { afterMs: 1 }] });
    scene.availability['b/1'] = 'open';
    await run(scene, { to: ['a/1', 'b/1'] });
    expect(scene.names()).toEqual(['a/1', 'a/1']);
  });

  it('is asked a second time rather than given an answer that needs no model', async () => {
    const scene = sceneOf({ 'a/1': [slow, { afterMs: 1 }] });
    await run(scene, { to: ['a/1', 'instant/1'] });
    expect(scene.names()).toEqual(['a/1', 'a/1']);
  });

  it('is not asked a second time if it is not ready itself', async () => {
    const scene = sceneOf({ 'a/1': slow });
    scene.availability['a/1'] = 'cooling';
    await run(scene, { to: ['a/1'] });
    expect(scene.names()).toEqual(['a/1']);
  });

  it('is waited for if there is too little time for another', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 40 } });
    Object.assign(scene.fastestMs, { 'a/1': 50, 'b/1': 50 });
    const { response } = await run(scene, { to: ['a/1', 'b/1'], deadlineMs: 1_059 });
    expect(response).toBeDefined();
    expect(scene.names()).toEqual(['a/1']);
  });

  it('is waited for as long as there is no permission', async () => {
    const scene = sceneOf({ 'a/1': slow });
    scene.permissions.b = 0;
    await run(scene, { to: ['a/1', 'b/1'] });
    expect(scene.names()).toEqual(['a/1']);
    expect(scene.news).toEqual(Array(2).fill({ type: 'budget_spent', provider: 'b' }));
  });

  it.each(['a', 'b'])('is not disturbed by a defect of %s', async (defective) => {
    const defect = () => {
      throw new TypeError('x is not a function');
    };
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow }, (stack, provider) => (provider === defective ? defect : stack));
    const { response, error } = await run(scene, { to: ['a/1', 'b/1'] });
    if (defective === 'b') expect(response?.providerModel).toBe('a/1');
    else expect(error?.kind).toBe('internal');
  });

  it('tells those that overtake it which of them is the last', async () => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow, 'c/1': slow });
    await run(scene, { to: ['a/1', 'b/1', 'c/1'], deadlineMs: 2_000 });
    expect(scene.asked.map((one) => one.call.isLast)).toEqual([false, false, true]);
    expect(scene.asked.map((one) => one.call.answerByMs)).toEqual([1_600, 1_604, undefined]);
  });
});

describe('a stream', () => {
  const to = ['a/1', 'b/1'];

  it('that breaks off begins anew at one that it had overtaken, after those that were not tried', async () => {
    const broken = { deltas: [textDelta('a')], end: 'upstream_reset' } as const;
    const scene = sceneOf({ 'a/1': slow, 'b/1': broken, 'c/1': { deltas: [], end: 'upstream_error' } });
    const sink = listSink();
    const request = { ...helloRequest(), onBrokenStream: BrokenStreamPolicy.RESTART };
    const ran = await run(scene, { to: ['a/1', 'b/1', 'c/1'], sink, request, hedging: { afterMs: 10, max: 1 } });
    expect(ran.response?.providerModel).toBe('a/1');
    expect(scene.names()).toEqual(['a/1', 'b/1', 'c/1', 'a/1']);
    expect(left(ran)).toEqual([
      `a/1 ${lost}`,
      'b/1 14 upstream reset: went on to c/1',
      'c/1 14 upstream error: went on to a/1',
      'a/1 0',
    ]);
    expect(sink.deltas.map((delta) => delta.case)).toEqual(['textDelta', 'restart', 'textDelta']);
  });

  it('that breaks off does not begin anew where it broke off', async () => {
    const broken = { afterMs: 15, deltas: [textDelta('a')], end: 'upstream_reset' } as const;
    const scene = sceneOf({ 'a/1': [broken, slow] });
    const request = { ...helloRequest(), onBrokenStream: BrokenStreamPolicy.RESTART };
    const ran = await run(scene, { to: ['a/1'], sink: listSink(), request });
    expect(ran.error?.kind).toBe('upstream_reset');
    expect(scene.names()).toEqual(['a/1', 'a/1']);
  });

  it('is won by the first piece, and goes on for as long as it likes', async () => {
    const long = { deltas: Array.from('abc', (text) => textDelta(text)), paceMs: 500 };
    const scene = sceneOf({ 'a/1': { ...long, afterMs: 40 }, 'b/1': { ...long, afterMs: 5 } });
    const sink = listSink();
    const call = callTo({ to, sink, hedging });
    const outcome = watch(scene.complete(call));
    await pass(scene.clock, outcome, 16);
    expect(sink.deltas).toHaveLength(1);
    expect(call.trail.target).toEqual(target('b/1'));
    expect(call.trail.warnings.map(({ message }) => message)).toEqual(['b/1']);
    expect(scene.asked[0]?.call.signal.aborted).toBe(true);
    expect(scene.news).toHaveLength(1);
    expect(scene.asked.map((one) => one.call.sink?.committed)).toEqual([false, true]);
    await pass(scene.clock, outcome);
    expect(sink.deltas).toEqual(long.deltas);
    expect(call.trail.upstreamMs).toBe(1_015);
  });

  it('is won by an answer without a piece', async () => {
    const scene = sceneOf({ 'a/1': stuck, 'b/1': { deltas: [] } });
    const { response } = await run(scene, { to, sink: listSink() });
    expect(response?.providerModel).toBe('b/1');
  });

  it('that breaks off fails with what the winner met', async () => {
    const scene = sceneOf({ 'a/1': stuck, 'b/1': { deltas: [textDelta('x')], end: 'upstream_reset' } });
    const ran = await run(scene, { to: [...to, 'c/1'], sink: listSink() });
    expect(ran.error?.kind).toBe('upstream_reset');
    expect(left(ran)).toEqual([`a/1 ${lost}`, 'b/1 14']);
    expect(scene.names()).toEqual(['a/1', 'b/1']);
    expect(scene.news).toEqual([{ type: 'hedged', target: target('b/1'), won: true }]);
  });

  it('that breaks off begins anew elsewhere, which may be overtaken too', async () => {
    const request = { ...helloRequest(), onBrokenStream: BrokenStreamPolicy.RESTART };
    const scene = sceneOf({
      'a/1': { deltas: [textDelta('x')], end: 'upstream_reset' },
      'b/1': stuck,
      'c/1': { deltas: [textDelta('y')] },
    });
    const sink = listSink();
    const { trail } = await run(scene, { to: [...to, 'c/1'], sink, request });
    expect(sink.deltas).toMatchObject([
      { value: { text: 'x' } },
      { case: 'restart', value: { provider: 'c', model: '1', reason: ErrorReason.UPSTREAM_RESET } },
      { value: { text: 'y' } },
    ]);
    expect(left({ trail })).toEqual(['a/1 14 upstream reset: went on to b/1', `b/1 ${lost}`, 'c/1 0']);
  });
});

describe('a racer that fails', () => {
  it('makes the next one start at once, and the others go on', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 30 }, 'b/1': { afterMs: 2, end: 'upstream_error' }, 'c/1': slow });
    const ran = await run(scene, { to: ['a/1', 'b/1', 'c/1'] });
    expect(ran.response?.providerModel).toBe('a/1');
    expect(left(ran)).toEqual(['a/1 0', 'b/1 14 upstream error: another try was under way', `c/1 ${lost}`]);
    expect(scene.asked[2]?.call.trail.attempts[0]?.duration?.nanos).toBe(18e6);
  });

  it('does not hurry on one that has just begun, if no other is left', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 12, end: 'upstream_error' }, 'b/1': { afterMs: 30 } });
    const outcome = watch(scene.complete(callTo({ to: ['a/1', 'b/1'], hedging })));
    await pass(scene.clock, outcome, 19);
    expect(scene.names()).toEqual(['a/1', 'b/1']);
    await pass(scene.clock, outcome, 1);
    expect(scene.names()).toEqual(['a/1', 'b/1', 'b/1']);
    await pass(scene.clock, outcome);
    expect([scene.clock.pending, scene.budget.open]).toEqual([0, 0]);
  });

  it('leaves the others alone if it rules out that more are tried', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 50 }, 'b/1': { end: 'content_blocked' } });
    const { response } = await run(scene, { to: ['a/1', 'b/1', 'c/1'] });
    expect(response?.providerModel).toBe('a/1');
    expect(scene.names()).toEqual(['a/1', 'b/1']);
  });

  it('and ruled out that more are tried, is what the caller is told if the others fail', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 30, end: 'upstream_error' }, 'b/1': { end: 'content_blocked' } });
    const { error } = await run(scene, { to: ['a/1', 'b/1', 'c/1'], hedging: { afterMs: 10, max: 1 } });
    expect(error).toMatchObject({ kind: 'content_blocked', facts: { target: target('b/1') } });
    expect(scene.names()).toEqual(['a/1', 'b/1']);
  });

  it('before any other began is left as always, and its successor may be overtaken', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' }, 'b/1': stuck, 'c/1': {} });
    const ran = await run(scene, { to: ['a/1', 'b/1', 'c/1'] });
    expect(left(ran)).toEqual(['a/1 14 upstream error: went on to b/1', `b/1 ${lost}`, 'c/1 0']);
    expect(scene.news).toMatchObject([{ type: 'moved' }, { type: 'hedged', won: true }]);
    expect(scene.budget).toMatchObject({ counted: ['b'], taken: ['c'] });
  });

  it('is followed by the targets that are left, if all fail', async () => {
    const scene = sceneOf({
      'a/1': { afterMs: 15, end: 'upstream_error' },
      'b/1': { afterMs: 9, end: 'upstream_timeout' },
      'c/1': {},
    });
    const ran = await run(scene, { to: ['a/1', 'b/1', 'c/1'], hedging: { afterMs: 10, max: 1 } });
    expect(ran.response?.providerModel).toBe('c/1');
    expect(left(ran)).toEqual([
      'a/1 14 upstream error: another try was under way',
      'b/1 14 upstream timeout: went on to c/1',
      'c/1 0',
    ]);
    expect(scene.news).toMatchObject([
      { type: 'hedged', won: false },
      { type: 'moved', from: target('b/1'), to: target('c/1'), reason: 'upstream_timeout' },
    ]);
    expect(ran.trail.warnings.map(({ message }) => message)).toEqual(['c/1']);
  });

  it('without being asked has a record too', async () => {
    const scene = sceneOf({ 'a/1': { afterMs: 30 }, 'b/1': { end: 'circuit_open', isRefused: true } });
    const ran = await run(scene, { to: ['a/1', 'b/1'], hedging: { afterMs: 10, max: 1 } });
    expect(left(ran)).toEqual(['a/1 0', 'b/1 14 circuit open: another try was under way']);
    expect(ran.trail.partialUsage).toBeUndefined();
  });

  it('leaves to its successors as many further tries as are left', async () => {
    const failing = { afterMs: 15, end: 'upstream_error' } as const;
    const scene = sceneOf({ 'a/1': failing, 'b/1': { ...failing, afterMs: 5 }, 'c/1': slow, 'd/1': slow, 'e/1': slow });
    const others = ['c/1', 'd/1', 'e/1'];
    for (const name of others) scene.availability[name] = 'open';
    const outcome = watch(scene.complete(callTo({ to: ['a/1', 'b/1', ...others], hedging })));
    await pass(scene.clock, outcome, 16);
    for (const name of others) scene.availability[name] = 'ready';
    await pass(scene.clock, outcome);
    expect(scene.names()).toEqual(['a/1', 'b/1', 'c/1', 'd/1']);
    expect(scene.clock.pending).toBe(0);
  });
});

describe('when the caller goes', () => {
  const gone = new GatewayError('cancelled', 'gone');

  it.each([0, 5, 10, 15, 20, 25, 40])('after %i ms, all ends at once', async (atMs) => {
    const scene = sceneOf({ 'a/1': stuck, 'b/1': stuck, 'c/1': stuck });
    const controller = new AbortController();
    const call = callTo({ to: ['a/1', 'b/1', 'c/1', 'd/1'], hedging, signal: controller.signal, sink: listSink() });
    const outcome = watch(scene.complete(call));
    await settle();
    for (let ms = 0; ms < atMs; ms++) {
      scene.clock.advance(1);
      await settle();
    }
    controller.abort(gone);
    await settle();
    expect(outcome.error).toMatchObject({ kind: 'cancelled', message: 'gone' });
    expect(scene.asked).toHaveLength(1 + Math.min(2, Math.floor(atMs / 10)));
    expect(scene.asked.every((one) => one.call.signal.aborted)).toBe(true);
    expect([scene.clock.pending, scene.budget.open]).toEqual([0, 0]);
    expect(call.trail.attempts).toHaveLength(scene.asked.length);
    expect(call.trail.attempts.every(({ status }) => status === grpcCode.cancelled)).toBe(true);
  });

  it('nobody waits for a racer that does not listen', async () => {
    const scene = sceneOf({ 'a/1': stuck }, (stack, provider) => (provider === 'b' ? deaf : stack));
    const controller = new AbortController();
    const call = callTo({ to: ['a/1', 'b/1', 'c/1'], hedging, signal: controller.signal });
    const outcome = watch(scene.complete(call));
    await settle();
    scene.clock.advance(10);
    controller.abort(gone);
    await settle();
    expect(outcome.error?.kind).toBe('cancelled');
    expect(scene.clock.pending).toBe(0);
  });

  it('before it came, nothing is sent but the first try', async () => {
    const scene = sceneOf({ 'a/1': stuck });
    const { error } = await run(scene, { to: ['a/1', 'b/1'], signal: AbortSignal.abort(gone) });
    expect(error?.kind).toBe('cancelled');
    expect(scene.names()).toEqual(['a/1']);
  });

  it('nothing is started any more, whoever is late to notice', async () => {
    const scene = sceneOf({}, () => deaf);
    const controller = new AbortController();
    const outcome = watch(scene.complete(callTo({ to: ['a/1', 'b/1'], hedging, signal: controller.signal })));
    controller.abort(gone);
    scene.clock.advance(10);
    await settle();
    expect(isOver(outcome)).toBe(false);
    expect([scene.budget.taken, scene.clock.pending]).toEqual([[], 0]);
  });
});
