import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Attempt,
  BrokenStreamPolicy,
  type Cost,
  CostStatus,
  FinishReason,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { type ErrorKind, GatewayError } from '../../../src/core/errors.ts';
import { checkEvents } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import type { EscalationCause } from '../../../src/core/policy.ts';
import { defaultBreaker, defaultConcurrency } from '../../../src/resilience/settings.ts';
import { settle } from '../../support/calls.ts';
import { nameOf, type Play, targetOf } from './player.ts';
import { type Ended, Stage } from './stage.ts';

const names = ['a/1', 'a/2', 'b/1', 'c/1'] as const;

const kinds: readonly ErrorKind[] = [
  'upstream_error',
  'upstream_reset',
  'upstream_rate_limited',
  'upstream_auth',
  'upstream_timeout',
  'content_blocked',
  'internal',
];

const playArbitrary: fc.Arbitrary<Play> = fc.record({
  afterMs: fc.nat(30),
  paceMs: fc.nat(6),
  pieces: fc.nat(3),
  end: fc.oneof(
    { weight: 5, arbitrary: fc.constant(FinishReason.STOP) },
    { weight: 3, arbitrary: fc.constant(FinishReason.LENGTH) },
    { weight: 6, arbitrary: fc.constantFrom(...kinds) },
    { weight: 1, arbitrary: fc.constant('hang' as const) },
  ),
  retryAfterMs: fc.option(fc.nat(50), { nil: undefined }),
  nanoUsd: fc.option(fc.bigInt({ min: 2n, max: 1_000_000n }), { nil: undefined, freq: 5 }),
});

const callArbitrary = fc.record({
  startsAtMs: fc.nat(40),
  targets: fc.integer({ min: 1, max: 3 }),
  streams: fc.boolean(),
  restarts: fc.boolean(),
  readsAfterMs: fc.constantFrom(0, 0, 3),
  deadlineInMs: fc.option(fc.integer({ min: 5, max: 300 }), { nil: undefined }),
  leavesAfterMs: fc.integer({ min: 1, max: 500 }),
});

const caseArbitrary = fc.record({
  plays: fc.array(fc.array(playArbitrary, { minLength: 1, maxLength: 4 }), { minLength: 4, maxLength: 4 }),
  calls: fc.array(callArbitrary, { minLength: 1, maxLength: 3 }),
  hedging: fc.option(fc.record({ afterMs: fc.integer({ min: 1, max: 30 }), max: fc.integer({ min: 1, max: 3 }) }), {
    nil: undefined,
  }),
  escalates: fc.boolean(),
  shadows: fc.boolean(),
  keys: fc.integer({ min: 0, max: 3 }),
  turns: fc.constantFrom(1, 2, 9),
  failures: fc.constantFrom(1, 2, 9),
});

type Case = typeof caseArbitrary extends fc.Arbitrary<infer T> ? T : never;
type CallCase = Case['calls'][number];

const causes: readonly EscalationCause[] = ['truncated', 'refused', 'empty'];

const stageOf = ({ plays, keys, hedging, escalates, shadows, turns, failures }: Case): Stage =>
  new Stage({
    plays: Object.fromEntries(names.map((name, i) => [name, plays[i] ?? []])),
    keys,
    policy: {
      hedging,
      escalation: escalates ? { on: causes, to: [targetOf('c/1'), targetOf('a/2')] } : undefined,
      shadowing: shadows ? { to: targetOf('b/1'), share: 1 } : undefined,
    },
    config: {
      concurrency: { ...defaultConcurrency, max: turns, maxWaitMs: 40 },
      breaker: { ...defaultBreaker, consecutiveFailures: failures, openMs: 30 },
    },
  });

/** One call as its caller knows it. */
class Caller {
  readonly given: CallCase;
  readonly id: string;
  readonly messages: StreamCompleteResponse[] = [];
  readonly leaving = new AbortController();
  ended: Ended | undefined;

  constructor(given: CallCase, number: number) {
    this.given = given;
    this.id = `call-${number}`;
  }

  get isOver(): boolean {
    return this.ended?.atMs !== undefined;
  }

  /** What happens at this time, counted from the beginning of all. */
  at(ms: number, stage: Stage): void {
    const { startsAtMs, leavesAfterMs, targets, restarts, deadlineInMs, readsAfterMs, streams } = this.given;
    if (ms === startsAtMs)
      this.ended = stage.call({
        id: this.id,
        to: names.slice(0, targets),
        request: { onBrokenStream: restarts ? BrokenStreamPolicy.RESTART : BrokenStreamPolicy.FAIL },
        signal: this.leaving.signal,
        deadlineInMs,
        readsAfterMs,
        out: streams ? this.messages : undefined,
      });
    if (ms === startsAtMs + leavesAfterMs) this.leaving.abort(new GatewayError('cancelled', 'The caller has gone.'));
  }

  /** What the caller is told that the call has cost. */
  get toldNanoUsd(): bigint {
    const { response, error } = this.ended ?? {};
    return amountOf(response ? response.cost : error?.facts.failure?.cost);
  }

  get heard(): string {
    const fold = new Fold();
    for (const { event } of this.messages)
      if (event.case !== 'start' && event.case !== 'completed' && event.case !== undefined) fold.add(event);
    return fold.parts.map(({ part }) => (part.case === 'text' ? part.value : part.case)).join('');
  }
}

async function play(given: Case) {
  const stage = stageOf(given);
  const callers = given.calls.map((call, i) => new Caller(call, i));
  for (let ms = 0; ms < 1_000 && !callers.every(({ isOver }) => isOver); ms++) {
    for (const caller of callers) caller.at(ms, stage);
    await settle();
    stage.clock.advance(1);
    await settle();
  }
  for (const { leaving } of callers) leaving.abort(new GatewayError('cancelled', 'The caller has gone.'));
  await stage.close();
  stage.clock.advance(10);
  await settle();
  return { stage, callers };
}

/** Of an answer without a price, what other tries of its call have cost is known all the same. */
const amountOf = (cost: Cost | undefined): bigint =>
  (cost?.status === CostStatus.UNPRICED ? cost.otherAttemptsNanoUsd : cost?.totalNanoUsd) ?? 0n;

const nanoUsdOf = (attempts: readonly Attempt[]): bigint =>
  attempts.reduce((sum, { cost }) => sum + amountOf(cost), 0n);

const tokensOf = (attempts: readonly Attempt[]): bigint =>
  attempts.reduce((sum, { usage }) => sum + (usage ? usage.inputTokens + usage.outputTokens : 0n), 0n);

const answering = (attempts: readonly Attempt[]) =>
  attempts.filter(({ status, leftBecause }) => status === 0 && leftBecause === '');

function checkCaller({ ended, toldNanoUsd, given, messages, heard, leaving }: Caller, attempts: readonly Attempt[]) {
  if (!ended) throw new Error('the call was never made');
  const costs = nanoUsdOf(attempts);
  expect(toldNanoUsd).toBe(costs);
  const { response } = ended;
  const answers = answering(attempts);
  expect(answers.map(nameOf)).toEqual(response ? [nameOf(response)] : []);
  if (response) {
    expect(response.attempts).toEqual(attempts);
    expect(response.cost?.otherAttemptsNanoUsd ?? 0n).toBe(costs - nanoUsdOf(answers));
  }
  expect(heard).toMatch(/^(?:(\S+#\d+):0 (?:\1:1 (?:\1:2 )?)?)?$/);
  if (given.streams && response) {
    expect(checkEvents(messages)).toBeUndefined();
    if (heard !== '') expect(heard).toContain(`${nameOf(response)}#`);
  }
  expect(getEventListeners(leaving.signal, 'abort')).toEqual([]);
}

function checkTimes(
  { id, ended, given: { deadlineInMs = Number.POSITIVE_INFINITY, startsAtMs } }: Caller,
  stage: Stage,
) {
  const endedMs = ended?.atMs ?? Number.NaN;
  expect(endedMs).toBeLessThanOrEqual(1_000 + startsAtMs + deadlineInMs);
  expect(stage.asks.filter(({ callId, isShadow, atMs }) => callId === id && !isShadow && atMs > endedMs)).toEqual([]);
}

function checkNothingIsLeft({ asks, clock, states }: Stage) {
  expect(asks.filter((ask) => !ask.isOver)).toEqual([]);
  expect(clock.pending).toBe(0);
  for (const target of names.map(targetOf)) {
    const state = states.of(target.provider);
    expect([states.targets.of(target).active, state?.turns.active, state?.turns.queued]).toEqual([0, 0, 0]);
    const permissions = [0, 1, 2].map(() => state?.budget.take());
    expect(permissions).not.toContain(undefined);
    for (const giveBack of permissions) giveBack?.();
    clock.advance(100_000);
    expect(states.targets.of(target).breaker.admits).toBe(true);
  }
}

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled));

it('counts what each try costs exactly once, wherever that is told', async () => {
  await fc.assert(
    fc.asyncProperty(caseArbitrary, async (given) => {
      const { stage, callers } = await play(given);
      const { outcomes, logged } = stage;
      expect(outcomes.length).toBe(callers.length);
      for (const caller of callers) {
        expect(caller.isOver).toBe(true);
        const { attempts = [] } = outcomes.find(({ callId }) => callId === caller.id) ?? {};
        checkCaller(caller, attempts);
        checkTimes(caller, stage);
      }
      const all = outcomes.flatMap(({ attempts }) => attempts);
      const { nanoUsd, tokens, active, tries, cancelled } = await stage.counted();
      expect(BigInt(nanoUsd)).toBe(nanoUsdOf(all));
      expect(BigInt(tokens)).toBe(tokensOf(all));
      const brokenOff = all.filter(({ errorReason }) => errorReason === ErrorReason.CANCELLED);
      expect([active, tries, cancelled]).toEqual([0, all.length, brokenOff.length]);
      expect(logged.map((one) => BigInt(one ?? 0))).toEqual(outcomes.map(({ attempts }) => nanoUsdOf(attempts)));
      checkNothingIsLeft(stage);
      expect(unhandled).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});
