import { describe, expect, it } from 'vitest';
import { newTrail } from '../../src/core/call.ts';
import { type ErrorKind, errorKinds, errorRule, GatewayError } from '../../src/core/errors.ts';
import { noSpan, type Span } from '../../src/core/span.ts';
import { dropped } from '../../src/core/warnings.ts';
import { listSink, settle } from '../support/calls.ts';
import { type CallInit, callTo, failed, nameOf, pass, type Scene, sceneOf, target, watch } from './route/scene.ts';

const three = ['a/1', 'b/1', 'c/1'] as const;

async function run(scene: Scene, init: CallInit) {
  const call = callTo(init);
  const outcome = watch(scene.complete(call));
  await pass(scene.clock, outcome);
  expect(scene.clock.pending).toBe(0);
  expect(scene.budget.open).toBe(0);
  return { ...outcome, call, trail: call.trail };
}

describe('one target', () => {
  it('gets the call, and gives its answer as it is', async () => {
    const scene = sceneOf({ 'a/1': {} });
    const { response, call, trail } = await run(scene, { to: ['a/1'], isLast: false });
    expect(response?.providerModel).toBe('a/1');
    expect(trail.target).toEqual(target('a/1'));
    expect(trail.selectionReason).toBe('named');
    expect(scene.asked.map((one) => one.call)).toEqual([{ ...call, target: target('a/1'), isLast: true }]);
    expect(scene.news).toEqual([]);
  });

  it('gives its error as it is', async () => {
    const error = failed('upstream_error', { target: target('a/1') });
    const { error: told } = await run(sceneOf({ 'a/1': { end: error, isRefused: true } }), { to: ['a/1'] });
    expect(told).toBe(error);
  });

  it('has one record if it was asked', async () => {
    const { trail } = await run(sceneOf({ 'a/1': { end: 'upstream_error' } }), { to: ['a/1'] });
    expect(trail.attempts).toHaveLength(1);
  });

  it.each(['circuit_open', 'queue_full', 'cancelled'] as const)(
    'has a record of %s, if it says something',
    async (kind) => {
      const { trail } = await run(sceneOf({ 'a/1': { end: kind, isRefused: true } }), { to: ['a/1'] });
      const { code: status, reason: errorReason } = errorRule(kind);
      expect(trail.attempts).toMatchObject(kind === 'cancelled' ? [] : [{ provider: 'a', status, errorReason }]);
    },
  );

  it.each([[[]], [['nowhere/1']], [['nowhere/1', 'nowhere/2']]])('none of %j can take the call', async (to) => {
    const { error } = await run(sceneOf({}), { to });
    expect(error).toMatchObject({ kind: 'internal' });
  });
});

describe('a target that fails', () => {
  it.each(errorKinds)('with %s is left, or not, as the table says', async (kind) => {
    const scene = sceneOf({ 'a/1': { end: kind }, 'b/1': {} });
    const { response, error, trail } = await run(scene, { to: ['a/1', 'b/1'] });
    const { next, code, reason } = errorRule(kind);
    const words = `${kind.replaceAll('_', ' ')}: went on to b/1`;
    expect(scene.names()).toEqual(next ? ['a/1', 'b/1'] : ['a/1']);
    expect(response?.providerModel).toBe(next ? 'b/1' : undefined);
    expect(error?.kind).toBe(next ? undefined : kind);
    expect(trail.target).toEqual(target(next ? 'b/1' : 'a/1'));
    expect(trail.attempts[0]).toMatchObject({ status: code, errorReason: reason, leftBecause: next ? words : '' });
    expect(trail.attempts.slice(1)).toMatchObject(next ? [{ provider: 'b', leftBecause: '', status: 0 }] : []);
    expect(scene.news).toEqual(next ? [{ type: 'moved', from: target('a/1'), to: target('b/1'), reason: kind }] : []);
    expect(scene.budget.counted).toEqual(next ? ['b'] : []);
  });

  it.each(errorKinds)('has a record also if %s is no answer, if it is left for it', async (kind) => {
    const scene = sceneOf({ 'a/1': { end: kind, isRefused: true }, 'b/1': {} });
    const { trail } = await run(scene, { to: ['a/1', 'b/1'] });
    const { next, code, reason } = errorRule(kind);
    // What has no duration is taken for one that is not over yet.
    const refused = { provider: 'a', model: '1', status: code, errorReason: reason, duration: { nanos: 0 } };
    expect(trail.attempts).toMatchObject(
      next
        ? [
            { ...refused, leftBecause: expect.stringMatching(/went on/) },
            { provider: 'b', status: 0, leftBecause: '' },
          ]
        : [],
    );
  });

  it('is left for another model of the same provider without a count', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' }, 'a/2': {} });
    await run(scene, { to: ['a/1', 'a/2'] });
    expect(scene.names()).toEqual(['a/1', 'a/2']);
    expect(scene.budget.counted).toEqual([]);
  });

  it('is counted where the call goes for as long as it is there', async () => {
    const scene = sceneOf({
      'a/1': { end: 'upstream_error' },
      'b/1': { afterMs: 5, end: 'upstream_error' },
      'c/1': {},
    });
    const outcome = watch(scene.complete(callTo({ to: three })));
    await settle();
    expect(scene.budget).toMatchObject({ open: 1, counted: ['b'] });
    await pass(scene.clock, outcome);
    expect(scene.budget).toMatchObject({ open: 0, counted: ['b', 'c'] });
  });

  it('leaves nothing behind: the next one gets the same request, and its warnings are the only ones', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' }, 'b/1': { end: 'circuit_open' }, 'c/1': {} });
    const before = dropped('stop', 'known before');
    const trail = { ...newTrail(), warnings: [before], messagesLeftOut: 2 };
    const { response, call } = await run(scene, { to: three, trail });
    const frozen = structuredClone(call.request);
    expect(scene.asked.map((one) => one.call.request)).toEqual([frozen, frozen, frozen]);
    for (const one of scene.asked) expect(one.call.request).toBe(call.request);
    expect(trail.warnings).toEqual([before, dropped('top_k', 'c/1')]);
    expect(trail.messagesLeftOut).toBe(0);
    expect(response).toMatchObject({ providerModel: 'c/1', content: [{ part: { value: 'hello' } }] });
  });

  it('is told to the span of the call', async () => {
    const set: Parameters<Span['set']>[0][] = [];
    const span: Span = { ...noSpan, set: (attributes) => void set.push(attributes) };
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' }, 'b/1': { end: 'upstream_error' } });
    const { trail } = await run(scene, { to: three, span });
    await run(scene, { to: ['c/1', 'b/1'], span });
    expect(set).toEqual([{ 'antiphon.fallback.moves': 2 }]);
    expect(trail.fallbacks).toBe(2);
  });

  it('is not left when the caller has gone meanwhile', async () => {
    const controller = new AbortController();
    const scene = sceneOf({ 'a/1': { afterMs: 5, end: 'upstream_error' } });
    const gone = new GatewayError('cancelled', 'gone');
    const outcome = watch(scene.complete(callTo({ to: three, signal: controller.signal })));
    await settle();
    controller.abort(gone);
    await settle();
    expect(outcome.error).toMatchObject({ kind: 'cancelled', message: 'gone' });
    expect(scene.names()).toEqual(['a/1']);
    expect(scene.clock.pending).toBe(0);
  });

  it('is not left when it fails just as the caller goes', async () => {
    const controller = new AbortController();
    const scene = sceneOf({ 'a/1': { afterMs: 5, end: 'upstream_error' } });
    const outcome = watch(scene.complete(callTo({ to: three, signal: controller.signal })));
    await settle();
    scene.clock.advance(5);
    controller.abort(new GatewayError('cancelled', 'gone'));
    await settle();
    expect(outcome.error).toBeDefined();
    expect(scene.names()).toEqual(['a/1']);
  });

  it('has the last word once something has gone to the caller', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_reset' } });
    const sink = listSink();
    const { error } = await run(scene, { to: three, sink });
    expect(error?.kind).toBe('upstream_reset');
    expect(sink.deltas).toMatchObject([{ case: 'textDelta' }]);
    expect(scene.names()).toEqual(['a/1']);
  });
});

describe('targets that are not ready', () => {
  const failing = {
    'a/1': { end: 'upstream_error' },
    'b/1': { end: 'upstream_error' },
    'c/1': { end: 'upstream_error' },
  };

  it.each([
    ['ready ready ready', 'a b c', 'named'],
    ['open ready ready', 'b c a', 'named; a/1 passed over: open'],
    ['ready cooling ready', 'a c b', 'named; b/1 passed over: cooling'],
    ['ready ready unhealthy', 'a b c', 'named'],
    ['open cooling ready', 'c a b', 'named; a/1 passed over: open; b/1 passed over: cooling'],
    ['open ready unhealthy', 'b a c', 'named; a/1 passed over: open'],
    ['open open open', 'a b c', 'named'],
  ])('%s are tried as %s', async (states, order, reason) => {
    const scene = sceneOf(failing as never);
    for (const [i, state] of states.split(' ').entries()) scene.availability[three[i] ?? ''] = state as never;
    const { trail } = await run(scene, { to: three });
    expect(scene.names().map((name) => name[0])).toEqual(order.split(' '));
    expect(trail.selectionReason).toBe(reason);
    expect(scene.asked.map((one) => one.call.isLast)).toEqual([false, false, true]);
  });

  it('are told apart when their turn comes, not before', async () => {
    const scene = sceneOf({ ...failing, 'a/1': { afterMs: 5, end: 'upstream_error' } } as never);
    const outcome = watch(scene.complete(callTo({ to: three })));
    await settle();
    scene.availability['b/1'] = 'open';
    await pass(scene.clock, outcome);
    expect(scene.names()).toEqual(['a/1', 'c/1', 'b/1']);
  });

  it('are all tried before an answer that needs no model', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' }, 'b/1': { end: 'upstream_error' } });
    Object.assign(scene.availability, { 'a/1': 'open', 'b/1': 'cooling' });
    await run(scene, { to: ['a/1', 'b/1', 'instant/1'] });
    expect(scene.names()).toEqual(['a/1', 'b/1', 'instant/1']);
    expect(scene.asked.map((one) => one.call.isLast)).toEqual([false, true, true]);
  });

  it('are not tried after an answer that needs no model', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' } });
    scene.availability['a/1'] = 'open';
    await run(scene, { to: ['a/1', 'instant/1', 'b/1'] });
    await run(scene, { to: ['instant/1', 'b/1'] });
    expect(scene.names()).toEqual(['a/1', 'instant/1', 'instant/1']);
  });

  it('need no name in a reason that was empty', async () => {
    const scene = sceneOf({});
    scene.availability['a/1'] = 'open';
    const { trail } = await run(scene, { to: three, trail: newTrail() });
    expect(trail.selectionReason).toBe('a/1 passed over: open');
  });
});

describe('time', () => {
  const slow = { afterMs: 100, end: 'upstream_error' as const };

  it('of a try before an answer that needs none is nearly all, and no other counts as left', async () => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow });
    const { response } = await run(scene, { to: ['a/1', 'b/1', 'instant/1'], deadlineMs: 2_000 });
    expect(response).toBeDefined();
    expect(scene.names()).toEqual(['a/1', 'b/1', 'instant/1']);
    expect(scene.asked.map((one) => one.call.answerByMs)).toEqual([1_600, 2_000 - 100, undefined]);
    expect(scene.asked.map((one) => one.call.isLast)).toEqual([false, true, true]);
  });

  it.each([
    [10_000, 9_500],
    [1_000, 900],
    [150, 75],
  ])('of %i ms leaves some for an answer that needs no model', async (leftMs, answerInMs) => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' } });
    const startMs = scene.clock.now();
    await run(scene, { to: ['a/1', 'instant/1'], deadlineMs: startMs + leftMs });
    expect((scene.asked[0]?.call.answerByMs ?? 0) - startMs).toBe(answerInMs);
  });

  it('of a try is a share of what is left, and for the last one all of it', async () => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': slow, 'c/1': slow });
    await run(scene, { to: three, deadlineMs: 2_000 });
    expect(scene.asked.map((one) => one.call.answerByMs)).toEqual([1_600, 1_640, undefined]);
    await run(scene, { to: three });
    expect(scene.asked.slice(3).map((one) => one.call.answerByMs)).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    ['enough', {}, ['a/1', 'b/1', 'c/1']],
    ['just enough', { 'b/1': 900 }, ['a/1', 'b/1', 'c/1']],
    ['too little for one', { 'b/1': 901 }, ['a/1', 'c/1']],
    ['too little for all', { 'b/1': 901, 'c/1': 5_000 }, ['a/1']],
    ['too little for the first', { 'a/1': 1_001 }, ['b/1', 'c/1']],
    ['just enough for the first', { 'a/1': 1_000 }, ['a/1', 'b/1', 'c/1']],
    ['too little for each, as far as is known', { 'a/1': 5_000, 'b/1': 5_000, 'c/1': 5_000 }, ['a/1']],
  ])('is %s', async (_, fastestMs, asked) => {
    const scene = sceneOf({ 'a/1': slow, 'b/1': { end: 'upstream_error' }, 'c/1': { end: 'upstream_error' } });
    Object.assign(scene.fastestMs, fastestMs);
    const { error } = await run(scene, { to: three, deadlineMs: 2_000 });
    expect(scene.names()).toEqual(asked);
    expect(error?.kind).toBe('upstream_error');
  });

  it('that is too little for a target is told as the reason why it was passed over', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' } });
    Object.assign(scene.fastestMs, { 'b/1': 5_000 });
    const { trail } = await run(scene, { to: three, deadlineMs: 2_000 });
    expect(trail.selectionReason).toBe('named; b/1 passed over: too slow');
  });

  it('has made a reason that stays short, however many were passed over', async () => {
    const scene = sceneOf({});
    const slowOnes = Array.from({ length: 100 }, (_, i) => `b/${i}`);
    Object.assign(scene.fastestMs, Object.fromEntries(slowOnes.map((name) => [name, 5_000])));
    const { trail } = await run(scene, { to: [...slowOnes, 'c/1'], deadlineMs: 2_000 });
    expect(trail.selectionReason).toMatch(/^named; b\/0 passed over: too slow; .* passed over: too slow$/);
    expect(trail.selectionReason.length).toBeLessThanOrEqual(1_000);
  });

  it('that is too little is no reason for an answer without a model, until a model was tried', async () => {
    const scene = sceneOf({ 'a/1': { end: 'upstream_error' } });
    Object.assign(scene.fastestMs, { 'a/1': 5_000 });
    await run(scene, { to: ['a/1', 'instant/1'], deadlineMs: 2_000 });
    expect(scene.names()).toEqual(['a/1', 'instant/1']);
  });

  it('is not spent on a model before an answer that was asked for and needs none', async () => {
    const scene = sceneOf({});
    await run(scene, { to: ['instant/1', 'a/1'] });
    expect(scene.names()).toEqual(['instant/1']);
  });

  it.each([
    [{ 'b/1': 1_001 }, ['a/1', 'b/1'], undefined, true],
    [{ 'b/1': 401 }, ['a/1', 'b/1'], undefined, false],
    [{ 'b/1': 400 }, ['a/1', 'b/1'], 1_600, false],
    [{ 'b/1': 1_001 }, ['a/1', 'b/1', 'instant/1'], 1_900, true],
    [{ 'b/1': 401 }, ['a/1', 'b/1', 'instant/1'], 1_900, false],
    [{ 'b/1': 400 }, ['a/1', 'b/1', 'instant/1'], 1_600, false],
  ])('is kept for a target that can use it: %j of %j', async (fastestMs, to, answerByMs, isLast) => {
    const scene = sceneOf({ 'a/1': {} });
    Object.assign(scene.fastestMs, fastestMs);
    await run(scene, { to, deadlineMs: 2_000 });
    expect(scene.asked.map(({ call }) => [call.answerByMs, call.isLast])).toEqual([[answerByMs, isLast]]);
  });

  it('that has passed is not used', async () => {
    const scene = sceneOf({ 'a/1': slow });
    await run(scene, { to: three, deadlineMs: 1_050 });
    expect(scene.names()).toEqual(['a/1']);
  });
});

describe('when all fail', () => {
  type End = readonly [ErrorKind, ('refused' | 'asked')?, number?];
  const asked: End = ['upstream_error'];
  const refused: End = ['circuit_open', 'refused'];

  it.each<[string, readonly End[], string, ErrorKind, number | undefined]>([
    ['the last', [asked, ['upstream_timeout']], 'b/1', 'upstream_timeout', undefined],
    ['the one that was asked', [asked, refused, refused], 'a/1', 'upstream_error', undefined],
    ['the last that was asked', [asked, ['upstream_auth'], refused], 'b/1', 'upstream_auth', undefined],
    ['the last refusal', [refused, ['queue_full', 'refused']], 'b/1', 'queue_full', undefined],
    ['the one that rules out others', [asked, ['upstream_rejected'], asked], 'b/1', 'upstream_rejected', undefined],
    [
      'the least wait of refusals',
      [
        ['circuit_open', 'refused', 300],
        ['circuit_open', 'refused', 400],
      ],
      'b/1',
      'circuit_open',
      300,
    ],
    [
      'the least wait',
      [
        ['upstream_rate_limited', 'asked', 900],
        ['circuit_open', 'refused', 400],
        ['upstream_rate_limited', 'asked', 700],
      ],
      'c/1',
      'upstream_rate_limited',
      400,
    ],
    [
      'no wait that does not help',
      [['upstream_rate_limited', 'asked', 9], ['content_blocked']],
      'b/1',
      'content_blocked',
      undefined,
    ],
  ])('the caller is told of %s', async (_, ends, about, kind, retryAfterMs) => {
    const script = ([end, how, wait]: End) => ({
      end: failed(end, wait === undefined ? {} : { retryAfterMs: wait }),
      isRefused: how === 'refused',
    });
    const scripts = ends.map((end, i) => [three[i] ?? '', script(end)] as const);
    const { error, trail } = await run(sceneOf(Object.fromEntries(scripts)), { to: scripts.map(([name]) => name) });
    expect(error?.kind).toBe(kind);
    expect(error?.facts.target && nameOf(error.facts.target)).toBe(about);
    expect(error?.facts.retryAfterMs).toBe(retryAfterMs);
    expect(trail.target).toEqual(target(about));
  });

  it('a wait has become shorter by the end', async () => {
    const scripts = {
      'a/1': { end: failed('upstream_rate_limited', { retryAfterMs: 500 }) },
      'b/1': { afterMs: 200, end: 'upstream_error' as const },
      'c/1': { afterMs: 400, end: 'upstream_error' as const },
    };
    const { error: first } = await run(sceneOf(scripts), { to: ['a/1', 'b/1'] });
    expect(first?.facts.retryAfterMs).toBe(300);
    const { error: second } = await run(sceneOf(scripts), { to: three });
    expect(second?.facts.retryAfterMs).toBe(0);
  });

  it('the provider’s facts stay', async () => {
    const facts = { upstreamStatus: 503, detail: 'busy', cause: new Error('x'), retryAfterMs: 9 };
    const scripts = { 'a/1': { end: 'upstream_error' as const }, 'b/1': { end: failed('upstream_overloaded', facts) } };
    const { error } = await run(sceneOf(scripts), { to: ['a/1', 'b/1'] });
    expect(error).toMatchObject({ message: 'It is upstream_overloaded.', facts });
  });
});
