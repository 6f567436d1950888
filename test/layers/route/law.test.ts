import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokenStreamPolicy } from '#gen/antiphon/v1/completion_pb.js';
import { type ErrorKind, GatewayError } from '../../../src/core/errors.ts';
import { textDelta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { deadline } from '../../../src/layers/deadline.ts';
import { helloRequest, listSink, settle } from '../../support/calls.ts';
import { callTo, isOver, nameOf, type Outcome, pass, type Scene, type Script, sceneOf, watch } from './scene.ts';

const names = ['a/1', 'a/2', 'b/1', 'c/1'] as const;

const kinds: readonly ErrorKind[] = ['upstream_error', 'upstream_reset', 'content_blocked', 'upstream_rate_limited'];

const scriptArbitrary: fc.Arbitrary<Script> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  { weight: 6, arbitrary: fc.constantFrom(...kinds).map((end) => ({ end })) },
  { weight: 2, arbitrary: fc.constant({ end: 'hang' as const }) },
  { weight: 2, arbitrary: fc.constant({ end: 'circuit_open' as const, isRefused: true }) },
);

/** What one request meets: its pieces are marked with the target and the number of the request. */
const playArbitrary = fc.record({
  script: scriptArbitrary,
  afterMs: fc.nat(25),
  paceMs: fc.nat(6),
  pieces: fc.nat(3),
});

const casesArbitrary = fc.record({
  plays: fc.array(fc.array(playArbitrary, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
  states: fc.array(fc.constantFrom('ready', 'ready', 'ready', 'open', 'cooling'), { minLength: 4, maxLength: 4 }),
  hedging: fc.option(fc.record({ afterMs: fc.integer({ min: 1, max: 30 }), max: fc.nat(3) }), { nil: undefined }),
  streams: fc.boolean(),
  restarts: fc.boolean(),
  deadlineInMs: fc.option(fc.integer({ min: 5, max: 80 }), { nil: undefined }),
  fastestMs: fc.nat(30),
  leavesAtMs: fc.integer({ min: 1, max: 150 }),
  slowReader: fc.boolean(),
});

type Case = typeof casesArbitrary extends fc.Arbitrary<infer T> ? T : never;

function scriptsOf(plays: Case['plays']): Record<string, Script[]> {
  const entries = plays.map((each, i): [string, Script[]] => {
    const name = names[i] ?? '';
    const scripts = each.map(({ script, pieces, ...times }, n) => {
      const deltas = Array.from({ length: pieces }, (_, at) => textDelta(`${name}#${n}:${at} `));
      return { ...times, deltas, ...script };
    });
    return [name, scripts];
  });
  return Object.fromEntries(entries);
}

async function play(given: Case) {
  const scene = sceneOf(scriptsOf(given.plays));
  const to = names.slice(0, given.plays.length);
  for (const [i, name] of to.entries()) {
    scene.availability[name] = given.states[i] ?? 'ready';
    scene.fastestMs[name] = given.fastestMs;
  }
  const sink = listSink();
  sink.room = !given.slowReader;
  const controller = new AbortController();
  const onBrokenStream = given.restarts ? BrokenStreamPolicy.RESTART : BrokenStreamPolicy.FAIL;
  const call = callTo({
    to,
    request: { ...helloRequest(), onBrokenStream },
    signal: controller.signal,
    ...(given.hedging ? { hedging: given.hedging } : {}),
    ...(given.streams ? { sink } : {}),
    ...(given.deadlineInMs === undefined ? {} : { deadlineMs: 1_000 + given.deadlineInMs }),
  });
  const outcome = watch(deadline(scene.clock)(scene.complete)(call));
  for (let ms = 0; ms < given.leavesAtMs && !isOver(outcome); ms += 3) {
    await pass(scene.clock, outcome, 3);
    sink.drain();
  }
  controller.abort(new GatewayError('cancelled', 'The caller has gone.'));
  sink.drain();
  await settle();
  return { scene, call, sink, outcome };
}

const textOf = (parts: Fold['parts']): string =>
  parts.map(({ part }) => (part.case === 'text' ? part.value : part.case)).join('');

function checkOutcome(given: Case, { response, error }: Outcome, heard: string, scene: Scene): void {
  if (response) {
    const one = scene.asked.filter((asked) => textOf(asked.fold.parts) === textOf(response.content));
    expect(one.map(({ target }) => target)).toContain(response.providerModel);
    expect(textOf(response.content)).toMatch(/^(?:(\S+#\d):0 (?:\1:1 (?:\1:2 )?)?)?$/);
    if (given.streams) expect(heard).toBe(textOf(response.content));
  } else {
    expect(error).toBeInstanceOf(GatewayError);
    expect(heard).toMatch(/^(?:(\S+#\d):0 (?:\1:1 (?:\1:2 )?)?)?$/);
  }
}

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled));

it('gives the whole answer of exactly one target, or an error; and nothing is left of the others', async () => {
  await fc.assert(
    fc.asyncProperty(casesArbitrary, async (given) => {
      const { scene, call, sink, outcome } = await play(given);
      expect(isOver(outcome)).toBe(true);
      const fold = new Fold();
      for (const delta of sink.deltas) fold.add(delta);
      checkOutcome(given, outcome, textOf(fold.parts), scene);

      const max = given.hedging?.max ?? 0;
      expect(scene.asked.length).toBeLessThanOrEqual(given.plays.length + max);
      expect(scene.budget.taken.length).toBeLessThanOrEqual(max);
      const again = scene.asked.length - new Set(scene.names()).size;
      expect(again).toBeLessThanOrEqual(scene.budget.taken.length);

      const restarts = sink.deltas.filter((delta) => delta.case === 'restart').length;
      expect(restarts).toBeLessThanOrEqual(given.restarts && given.streams ? given.plays.length - 1 : 0);

      expect(call.trail.attempts.length).toBeLessThanOrEqual(scene.asked.length);
      expect(call.trail.attempts.length).toBeGreaterThanOrEqual(scene.asked.filter((one) => !one.isRefused).length);
      const kept = call.trail.attempts.filter(({ status, leftBecause }) => status === 0 && leftBecause === '');
      expect(kept.map(nameOf)).toEqual(outcome.response ? [outcome.response.providerModel] : []);
      expect(call.trail.warnings.map(({ message }) => message)).toEqual(
        call.trail.target && outcome.response ? [nameOf(call.trail.target)] : expect.anything(),
      );

      expect(scene.asked.filter((one) => !one.isOver)).toEqual([]);
      expect([scene.clock.pending, scene.budget.open, unhandled]).toEqual([0, 0, []]);
    }),
    { numRuns: 1_000 },
  );
});
