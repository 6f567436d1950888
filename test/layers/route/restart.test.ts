import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BrokenStreamPolicy } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { errorKinds, errorRule } from '../../../src/core/errors.ts';
import { type Delta, textDelta, toolCallDelta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { TrySink } from '../../../src/core/try-sink.ts';
import { helloRequest, type ListSink, listSink, settle } from '../../support/calls.ts';
import { deltasArbitrary } from '../../support/requests.ts';
import { callTo, pass, type Scene, type Script, sceneOf, target, watch } from './scene.ts';

const { FAIL, RESTART, UNSPECIFIED } = BrokenStreamPolicy;

const words = (...texts: string[]) => texts.map((text) => textDelta(text));

async function stream(scene: Scene, onBrokenStream = RESTART, to = ['a/1', 'b/1', 'c/1']) {
  const sink = listSink();
  const request = { ...helloRequest(), onBrokenStream };
  const call = callTo({ to, sink, request });
  const outcome = watch(scene.complete(call));
  await pass(scene.clock, outcome);
  expect(scene.clock.pending).toBe(0);
  expect(scene.budget.open).toBe(0);
  return { ...outcome, sink, trail: call.trail };
}

const told = ({ deltas }: ListSink): string =>
  deltas
    .map((delta) => {
      if (delta.case === 'restart') return `[${delta.value.provider}/${delta.value.model}]`;
      return delta.case === 'textDelta' ? delta.value.text : delta.case;
    })
    .join(' ');

const partsOf = (deltas: readonly Delta[]) => {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return fold.parts;
};

const broken: Script = { deltas: words('one', 'two'), end: 'upstream_reset' };

describe('a stream that broke', () => {
  it.each(errorKinds)('with %s begins anew, or not, as the table says', async (kind) => {
    const { next, reason } = errorRule(kind);
    const scene = sceneOf({ 'a/1': { ...broken, end: kind }, 'b/1': { deltas: words('three') } });
    const { sink, response, error, trail } = await stream(scene);
    expect(told(sink)).toBe(next ? 'one two [b/1] three' : 'one two');
    expect(response?.providerModel).toBe(next ? 'b/1' : undefined);
    expect(error?.kind).toBe(next ? undefined : kind);
    expect(sink.deltas[2]?.value).toEqual(next ? expect.objectContaining({ reason }) : undefined);
    expect(trail.target).toEqual(target(next ? 'b/1' : 'a/1'));
    expect(scene.news).toEqual(
      next ? [{ type: 'restarted', from: target('a/1'), to: target('b/1'), reason: kind }] : [],
    );
  });

  it.each([FAIL, UNSPECIFIED])('fails with policy %d', async (policy) => {
    const scene = sceneOf({ 'a/1': broken });
    const { sink, error } = await stream(scene, policy);
    expect(told(sink)).toBe('one two');
    expect(error?.kind).toBe('upstream_reset');
    expect(scene.names()).toEqual(['a/1']);
  });

  it('fails if no other target is left', async () => {
    const { sink, error } = await stream(sceneOf({ 'a/1': broken, 'b/1': broken }), RESTART, ['a/1', 'b/1']);
    expect(told(sink)).toBe('one two [b/1] one two');
    expect(error?.kind).toBe('upstream_reset');
  });

  it('fails with what the caller has, if all others fail before they begin', async () => {
    const failing: Script = { deltas: [], end: 'upstream_error' };
    const scene = sceneOf({ 'a/1': broken, 'b/1': failing, 'c/1': failing });
    const { sink, error } = await stream(scene);
    expect(told(sink)).toBe('one two');
    expect(error?.kind).toBe('upstream_error');
    expect(scene.names()).toEqual(['a/1', 'b/1', 'c/1']);
  });

  it('names the target that really begins anew, and why the last one was left that had begun', async () => {
    const scene = sceneOf({ 'a/1': broken, 'b/1': { end: 'circuit_open', isRefused: true }, 'c/1': {} });
    const { sink } = await stream(scene, RESTART);
    expect(told(sink)).toBe('one two [c/1] hello');
    expect(sink.deltas[2]?.value).toMatchObject({ reason: ErrorReason.UPSTREAM_RESET });
  });

  it('begins anew once for each target that broke off', async () => {
    const { sink } = await stream(sceneOf({ 'a/1': broken, 'b/1': { ...broken, end: 'upstream_timeout' } }));
    expect(told(sink)).toBe('one two [b/1] one two [c/1] hello');
    expect(sink.deltas[5]?.value).toMatchObject({ reason: ErrorReason.UPSTREAM_TIMEOUT });
  });

  it('is void also if the next answer is empty', async () => {
    const { sink, response } = await stream(sceneOf({ 'a/1': broken, 'b/1': { deltas: [] } }));
    expect(told(sink)).toBe('one two [b/1]');
    expect(response?.providerModel).toBe('b/1');
  });

  it('may be tried again at the next target until that has begun', async () => {
    const scene = sceneOf({ 'a/1': broken, 'b/1': { afterMs: 5, deltas: words('three'), paceMs: 5, end: 'hang' } });
    const controller = new AbortController();
    const request = { ...helloRequest(), onBrokenStream: RESTART };
    const outcome = watch(
      scene.complete(callTo({ to: ['a/1', 'b/1'], sink: listSink(), request, signal: controller.signal })),
    );
    await settle();
    expect(scene.asked.map((one) => one.call.sink?.committed)).toEqual([true, false]);
    scene.clock.advance(5);
    await settle();
    expect(scene.asked[1]?.call.sink?.committed).toBe(true);
    controller.abort(new Error('gone'));
    await pass(scene.clock, outcome);
    expect(outcome.error).toBeDefined();
  });

  it('counts tool calls from 0 again', async () => {
    const call = (id: string) => toolCallDelta(0, '{}', { id, name: 'f' });
    const scene = sceneOf({ 'a/1': { deltas: [call('x')], end: 'upstream_reset' }, 'b/1': { deltas: [call('y')] } });
    const { sink, response } = await stream(scene);
    expect(partsOf(sink.deltas)).toEqual(response?.content);
    expect(response?.content).toMatchObject([{ part: { value: { id: 'y' } } }]);
  });

  it('is the whole answer of the last target, whatever came before and wherever it broke', async () => {
    const tries = fc.array(fc.tuple(deltasArbitrary, fc.constantFrom('upstream_reset', 'upstream_error')), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(tries, deltasArbitrary, fc.boolean(), async (ends, last, hedged) => {
        const scripts: [string, Script][] = ends.map(([deltas, end], i) => [`p${i}/1`, { deltas, end } as Script]);
        const scene = sceneOf(Object.fromEntries([...scripts, ['last/1', { deltas: last }]]));
        const sink = listSink();
        const request = { ...helloRequest(), onBrokenStream: RESTART };
        const to = [...scripts.map(([name]) => name), 'last/1'];
        const call = callTo({ to, sink, request, ...(hedged ? { hedging: { afterMs: 5, max: 2 } } : {}) });
        const response = await scene.complete(call);
        expect(partsOf(sink.deltas)).toEqual(partsOf(last));
        expect(response.content).toEqual(partsOf(last));
        const voided = ends.filter(([deltas]) => deltas.length > 0).length;
        expect(sink.deltas.filter((delta) => delta.case === 'restart')).toHaveLength(voided);
        expect(scene.clock.pending).toBe(0);
      }),
    );
  });
});

describe('a reader that is slow', () => {
  it.each([undefined, { afterMs: 5, max: 1 }])(
    'is waited for through every wrapper, with hedging %j',
    async (hedging) => {
      const scene = sceneOf({ 'a/1': broken, 'b/1': { deltas: words('3', '4', '5') } });
      const sink = listSink();
      sink.room = false;
      const request = { ...helloRequest(), onBrokenStream: RESTART };
      const call = callTo({ to: ['a/1', 'b/1'], sink, request, ...(hedging ? { hedging } : {}) });
      const outcome = watch(scene.complete(call));
      const seen: string[] = [];
      for (let i = 0; i < 5; i++) {
        await settle();
        seen.push(told(sink));
        sink.drain();
      }
      await pass(scene.clock, outcome);
      expect(seen).toEqual(['one', 'one two', 'one two [b/1] 3', 'one two [b/1] 3 4', 'one two [b/1] 3 4 5']);
      expect(outcome.response?.providerModel).toBe('b/1');
      expect(scene.clock.pending).toBe(0);
    },
  );
});

describe('the sink of a try', () => {
  it('asks once before its first piece, and says what the caller’s sink says', async () => {
    const sink = listSink();
    let asked = 0;
    const one = new TrySink(sink, () => ++asked > 0);
    expect([one.committed, asked]).toEqual([false, 0]);
    expect(one.emit(textDelta('a'))).toBe(true);
    sink.room = false;
    expect(one.emit(textDelta('b'))).toBe(false);
    expect([one.committed, asked, told(sink)]).toEqual([true, 1, 'a b']);
    const ready = one.ready();
    sink.drain();
    await ready;
  });

  it('swallows all pieces of a try that may not begin', () => {
    const sink = listSink();
    sink.room = false;
    const one = new TrySink(sink, () => false);
    expect([one.emit(textDelta('a')), one.emit(textDelta('b')), one.committed]).toEqual([true, true, false]);
    expect(sink.deltas).toEqual([]);
  });
});
