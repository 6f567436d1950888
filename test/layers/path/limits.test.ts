import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Attempt, CostStatus, FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import type { Limit } from '../../../src/core/limits.ts';
import type { Hedging } from '../../../src/core/policy.ts';
import { LEDGER } from '../../../src/quotas/meter.ts';
import { noQuotas, type QuotaSettings } from '../../../src/quotas/settings.ts';
import { defaultRetry } from '../../../src/resilience/settings.ts';
import { settle } from '../../support/calls.ts';
import { nameOf, type Play, targetOf } from './player.ts';
import { type Ended, Stage } from './stage.ts';

const names = ['a/1', 'a/2', 'b/1'] as const;

const playArbitrary: fc.Arbitrary<Play> = fc.record({
  afterMs: fc.nat(20),
  paceMs: fc.nat(6),
  pieces: fc.nat(3),
  end: fc.oneof(
    { weight: 6, arbitrary: fc.constant(FinishReason.STOP) },
    { weight: 2, arbitrary: fc.constantFrom('upstream_error' as const, 'upstream_reset' as const) },
    { weight: 1, arbitrary: fc.constant('content_blocked' as const) },
    { weight: 1, arbitrary: fc.constant('hang' as const) },
  ),
  retryAfterMs: fc.constant(undefined),
  nanoUsd: fc.option(fc.bigInt({ min: 1n, max: 300n }), { nil: undefined, freq: 5 }),
});

const callArbitrary = fc.record({
  startsAtMs: fc.nat(120),
  first: fc.nat(2),
  targets: fc.integer({ min: 1, max: 3 }),
  streams: fc.boolean(),
  deadlineInMs: fc.option(fc.integer({ min: 5, max: 300 }), { nil: undefined }),
  leavesAfterMs: fc.integer({ min: 1, max: 400 }),
});

type CallCase = typeof callArbitrary extends fc.Arbitrary<infer T> ? T : never;

const caseArbitrary = fc.record({
  plays: fc.array(fc.array(playArbitrary, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 3 }),
  calls: fc.array(callArbitrary, { minLength: 1, maxLength: 12 }),
  hedging: fc.option(fc.constant<Hedging>({ afterMs: 5, max: 1 }), { nil: undefined }),
  calls_a_day: fc.integer({ min: 1, max: 20 }),
  usd: fc.integer({ min: 50, max: 2_000 }),
  modelTokens: fc.integer({ min: 10, max: 20_000 }),
});

type Case = typeof caseArbitrary extends fc.Arbitrary<infer T> ? T : never;

const daily = (unit: Limit['unit'], amount: number): Limit => ({ unit, window: 'day', amount });

const quotasOf = ({ calls_a_day, usd, modelTokens }: Case): QuotaSettings => ({
  ...noQuotas,
  all: [daily('nano_usd', usd)],
  keys: { named: new Map(), each: [daily('requests', calls_a_day), daily('tokens', 1_000_000)] },
  models: { named: new Map([['a/1', [daily('tokens', modelTokens), daily('requests', 6)]]]), each: [] },
});

interface Made {
  readonly id: string;
  readonly ended: Ended;
  readonly leaving: AbortController;
  readonly leavesAtMs: number;
}

function begin(stage: Stage, given: CallCase, number: number): Made {
  const leaving = new AbortController();
  const id = `call-${number}`;
  const to = [0, 1, 2].slice(0, given.targets).map((i) => names[(given.first + i) % names.length] ?? 'a/1');
  const { deadlineInMs, streams, startsAtMs, leavesAfterMs } = given;
  const ended = stage.call({ id, to, signal: leaving.signal, deadlineInMs, out: streams ? [] : undefined });
  return { id, ended, leaving, leavesAtMs: startsAtMs + leavesAfterMs };
}

const gone = () => new GatewayError('cancelled', 'The caller has gone.');

async function play(given: Case): Promise<{ readonly stage: Stage; readonly made: readonly Made[] }> {
  const stage = new Stage({
    plays: Object.fromEntries(names.map((name, i) => [name, given.plays[i] ?? []])),
    policy: { hedging: given.hedging },
    quotas: quotasOf(given),
  });
  const made: Made[] = [];
  for (let ms = 0; ms < 700; ms++) {
    given.calls.forEach((call, i) => {
      if (call.startsAtMs === ms) made.push(begin(stage, call, i));
    });
    for (const { leaving, leavesAtMs } of made) if (leavesAtMs === ms) leaving.abort(gone());
    await settle();
    stage.clock.advance(1);
    await settle();
    if (made.length === given.calls.length && made.every(({ ended }) => ended.atMs !== undefined)) break;
  }
  for (const { leaving } of made) leaving.abort(gone());
  await settle();
  await stage.close();
  return { stage, made };
}

const day = '2023-11-14';
const accounts = [
  `all::nano_usd:day:${day}`,
  `key:anonymous:requests:day:${day}`,
  `key:anonymous:tokens:day:${day}`,
  `model:a/1:tokens:day:${day}`,
  `model:a/1:requests:day:${day}`,
];

const tokensOf = (attempts: readonly Attempt[]): number =>
  attempts.reduce((sum, { usage }) => sum + Number(usage?.totalTokens ?? 0), 0);

const nanoUsdOf = (attempts: readonly Attempt[]): number =>
  attempts.reduce(
    (sum, { cost }) => sum + (cost && cost.status !== CostStatus.UNPRICED ? Number(cost.totalNanoUsd) : 0),
    0,
  );

/** More than a call was estimated at may be spent by each try that was under way at once with others. */
const mostBeyond = ({ calls, hedging }: Case): number => calls.length * (hedging ? 2 : 1) * 4 * 300;

it('holds nothing when all calls are over, and has spent what they used', async () => {
  await fc.assert(
    fc.asyncProperty(caseArbitrary, async (given) => {
      const { stage, made } = await play(given);
      const balances = await stage.store.balances(LEDGER, accounts);
      expect(balances.map(({ held }) => held)).toEqual([0, 0, 0, 0, 0]);
      const tries = stage.outcomes.flatMap(({ attempts }) => attempts);
      const atA1 = tries.filter((attempt) => nameOf(attempt) === 'a/1');
      const answered = stage.outcomes.filter(({ attempts }) => attempts.length > 0);
      expect(balances.map(({ spent }) => spent)).toEqual([
        nanoUsdOf(tries),
        answered.length,
        tokensOf(tries),
        tokensOf(atA1),
        atA1.length,
      ]);
      expect(answered.length).toBeLessThanOrEqual(given.calls_a_day);
      expect(nanoUsdOf(tries)).toBeLessThanOrEqual(given.usd + mostBeyond(given));
      for (const { id, ended } of made) {
        const refused = ended.error?.kind === 'rate_limited' || ended.error?.kind === 'budget_exceeded';
        if (refused && !stage.outcomes.find(({ callId }) => callId === id)?.attempts.length)
          expect(stage.asks.filter(({ callId }) => callId === id)).toEqual([]);
      }
    }),
    { numRuns: 400 },
  );
});

const answer = (nanoUsd: bigint): Play => ({
  afterMs: 5,
  paceMs: 0,
  pieces: 1,
  end: FinishReason.STOP,
  retryAfterMs: undefined,
  nanoUsd,
});

async function ended(stage: Stage, call: Ended): Promise<Ended> {
  for (let i = 0; i < 100 && call.atMs === undefined; i++) {
    await settle();
    stage.clock.advance(1);
  }
  return call;
}

it('goes on to the next model where the limit of the first has no room', async () => {
  const stage = new Stage({
    plays: { 'a/1': [answer(1n)], 'b/1': [answer(1n)] },
    quotas: { ...noQuotas, models: { named: new Map([['a/1', [daily('requests', 1)]]]), each: [] } },
  });
  const first = await ended(stage, stage.call({ to: ['a/1', 'b/1'] }));
  const second = await ended(stage, stage.call({ id: 'call-2', to: ['a/1', 'b/1'] }));
  const third = await ended(stage, stage.call({ id: 'call-3', to: ['a/1'] }));
  expect([first, second].map(({ response }) => response?.provider)).toEqual(['a', 'b']);
  expect(third.error?.kind).toBe('budget_exceeded');
  expect(stage.asks.map(({ target }) => nameOf(target))).toEqual(['a/1', 'b/1']);
});

it('refuses before any provider is asked, and tells whose limit it is and when to come again', async () => {
  const stage = new Stage({
    plays: { 'a/1': [answer(1n)] },
    quotas: { ...noQuotas, keys: { named: new Map([['anonymous', [daily('requests', 1)]]]), each: [] } },
  });
  await ended(stage, stage.call({ to: ['a/1'] }));
  const { error } = await ended(stage, stage.call({ id: 'call-2', to: ['a/1'] }));
  expect(error?.kind).toBe('budget_exceeded');
  expect(error?.message).toBe(
    'What the key anonymous may use is used up (at most 1 requests within a day). Wait, or ask the operator for more.',
  );
  expect(error?.facts.quota).toEqual([
    { subject: 'the key anonymous', description: 'At most 1 requests within a day.' },
  ]);
  const dayMs = 24 * 60 * 60 * 1000;
  expect(error?.facts.retryAfterMs).toBe(dayMs - (stage.clock.wallMs() % dayMs) + 1);
  expect(stage.asks).toHaveLength(1);
  expect(stage.news.filter(({ type }) => type === 'limit_refused')).toEqual([
    { type: 'limit_refused', subject: 'key', unit: 'requests', window: 'day' },
  ]);
});

it('says so if waiting does not help', async () => {
  const stage = new Stage({
    plays: { 'a/1': [answer(1n)] },
    quotas: { ...noQuotas, all: [{ unit: 'tokens', window: 'minute', amount: 10 }] },
  });
  const { error } = await ended(stage, stage.call({ to: ['a/1'] }));
  expect(error?.kind).toBe('rate_limited');
  expect(error?.facts.retryAfterMs).toBeUndefined();
  expect(error?.message).toContain('lower max_tokens');
});

it('holds more where the next model is dearer, and gives all of it back', async () => {
  const settings = { ...noQuotas, all: [daily('nano_usd', 250)] };
  const failing: Play = { ...answer(60n), end: 'upstream_error' };
  const plays = { 'a/1': [failing], 'b/1': [answer(90n)] };
  const stage = new Stage({ plays, quotas: settings, config: { retry: { ...defaultRetry, maxRetries: 0 } } });
  const one = await ended(stage, stage.call({ to: ['a/1', 'b/1'] }));
  // 60 spent at the first, 100 held for the second.
  expect(one.response?.provider).toBe('b');
  await stage.close();
  const [all] = await stage.store.balances(LEDGER, [accounts[0] ?? '']);
  expect(all).toEqual({ spent: 150, held: 0 });
  const two = await ended(stage, stage.call({ id: 'call-2', to: ['b/1'] }));
  expect(two.response?.provider).toBe('b');
  const three = await ended(stage, stage.call({ id: 'call-3', to: ['b/1'] }));
  expect(three.error?.kind).toBe('budget_exceeded');
});

it('refuses the next model where what the first has used leaves no room for it', async () => {
  const failing: Play = { ...answer(60n), end: 'upstream_error' };
  const stage = new Stage({
    plays: { 'a/1': [failing], 'b/1': [answer(90n)] },
    quotas: { ...noQuotas, all: [daily('nano_usd', 150)] },
    config: { retry: { ...defaultRetry, maxRetries: 0 } },
  });
  await ended(stage, stage.call({ to: ['a/1', 'b/1'] }));
  expect(stage.asks.map(({ target }) => nameOf(target))).toEqual(['a/1']);
});

it('holds nothing for a model that was refused', async () => {
  const stage = new Stage({
    plays: { 'a/1': [answer(1n)], 'b/1': [answer(1n)] },
    quotas: {
      ...noQuotas,
      all: [daily('nano_usd', 150)],
      models: { named: new Map([['a/1', [daily('tokens', 1)]]]), each: [] },
    },
  });
  const { response } = await ended(stage, stage.call({ to: ['a/1', 'b/1'] }));
  expect(response?.provider).toBe('b');
});

it('lets shadows draw on nothing', async () => {
  const stage = new Stage({
    plays: { 'a/1': [{ ...answer(1n), afterMs: 50 }], 'b/1': [{ ...answer(1n), afterMs: 90 }] },
    policy: { shadowing: { to: targetOf('b/1'), share: 1 } },
    quotas: { ...noQuotas, models: { named: new Map(), each: [daily('requests', 1)] } },
  });
  const call = stage.call({ to: ['a/1'] });
  await settle();
  for (let i = 0; i < 10; i++) {
    stage.clock.advance(1);
    await settle();
  }
  expect(stage.asks.map(({ target }) => nameOf(target))).toEqual(['a/1', 'b/1']);
  const account = `model:b/1:requests:day:${day}`;
  expect(await stage.store.balances(LEDGER, [account])).toEqual([{ spent: 0, held: 0 }]);
  expect((await ended(stage, call)).response?.provider).toBe('a');
  stage.clock.advance(100);
  await settle();
  await stage.close();
  expect(await stage.store.balances(LEDGER, [account])).toEqual([{ spent: 0, held: 0 }]);
});
