import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Attempt, AttemptSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../src/core/call.ts';
import { type ErrorFacts, type ErrorKind, GatewayError } from '../../src/core/errors.ts';
import { textDelta } from '../../src/core/events.ts';
import type { News } from '../../src/core/news.ts';
import { sleep } from '../../src/core/sleep.ts';
import { retry } from '../../src/layers/retry.ts';
import { RetryBudget } from '../../src/resilience/retry-budget.ts';
import type { RetrySettings } from '../../src/resilience/settings.ts';
import { helloResponse, listSink, testCall } from '../support/calls.ts';
import { law, WatchedBudget, World } from './retry-world.ts';

// Many calls at once through the layer, against a provider that does what a schedule says. Time jumps from one timer
// to the next, and between them all that is resolved runs on. Whatever the schedule, the laws below hold.

const target = { provider: 'mock', model: 'echo' };

/** Waits that are the same but for rounding. */
const ROUNDING_MS = 1e-6;

/** What one try meets. */
interface Try {
  readonly tookMs: number;
  /** Undefined: it answers. */
  readonly kind: ErrorKind | undefined;
  readonly facts: ErrorFacts;
  /** Content goes to the caller halfway, if the call streams. */
  readonly commits: boolean;
}

interface Planned {
  readonly atMs: number;
  readonly isLast: boolean;
  readonly streams: boolean;
  /** After the call came; undefined: never. */
  readonly abortMs: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly answerByMs: number | undefined;
  /** Those after the last are as the last. */
  readonly tries: readonly Try[];
}

interface Schedule {
  readonly settings: RetrySettings;
  readonly fastestMs: number | undefined;
  readonly calls: readonly Planned[];
  /** Calls that come over from another provider. */
  readonly over: readonly { readonly atMs: number; readonly tookMs: number }[];
  readonly seed: number;
}

/** One call of a schedule, and the laws for it. */
class Simulated {
  readonly #world: World;
  readonly #plan: Planned;
  readonly #schedule: Schedule;
  readonly #budget: WatchedBudget;
  readonly #caller = new AbortController();
  readonly #sink = listSink();
  readonly #call: Call;
  readonly #untilMs: number;
  #tries = 0;
  #endedMs = 0;
  #last: GatewayError | undefined;
  #wasRefused = false;
  /** Of all calls together. */
  readonly #under: { repeats: number };

  constructor(world: World, plan: Planned, schedule: Schedule, budget: WatchedBudget, under: { repeats: number }) {
    this.#world = world;
    this.#plan = plan;
    this.#schedule = schedule;
    this.#budget = budget;
    this.#under = under;
    const { atMs, deadlineMs = Number.POSITIVE_INFINITY, answerByMs = Number.POSITIVE_INFINITY } = plan;
    this.#untilMs = atMs + Math.min(deadlineMs, answerByMs);
    this.#call = testCall({
      signal: this.#caller.signal,
      isLast: plan.isLast,
      sink: plan.streams ? this.#sink : undefined,
      deadlineMs: plan.deadlineMs === undefined ? undefined : atMs + plan.deadlineMs,
      answerByMs: plan.answerByMs === undefined ? undefined : atMs + plan.answerByMs,
    });
  }

  async run(): Promise<void> {
    const { abortMs } = this.#plan;
    const leave = () => this.#caller.abort(new GatewayError('cancelled', 'gone'));
    const leaving = abortMs === undefined ? undefined : this.#world.after(abortMs, leave);
    const news: News[] = [];
    const tell = (told: News) => {
      news.push(told);
      if (told.type === 'budget_spent') this.#wasRefused = true;
    };
    const { settings, fastestMs } = this.#schedule;
    const layer = retry({ settings, budget: this.#budget, clock: this.#world, tell, fastestMs: () => fastestMs });
    const end = await layer((call) => this.#try(call))(this.#call).then(
      () => undefined,
      (error: GatewayError) => error,
    );
    leaving?.cancel();
    this.#checkEnd(end);
    this.#checkTrail(news);
  }

  async #try(call: Call) {
    const { tries } = this.#plan;
    const planned = tries[Math.min(this.#tries, tries.length - 1)];
    if (!planned) throw new Error('a schedule without tries');
    this.#checkBegin();
    const isRepeat = ++this.#tries > 1;
    if (isRepeat) this.#under.repeats++;
    law(this.#under.repeats <= this.#budget.taken, 'a repeat is under way without permission');
    const record = create(AttemptSchema, target);
    call.trail.attempts.push(record);
    try {
      await this.#perform(planned, record, call);
    } finally {
      if (isRepeat) this.#under.repeats--;
      this.#endedMs = this.#world.now();
    }
    return helloResponse();
  }

  async #perform({ tookMs, kind, facts, commits }: Try, record: Attempt, { signal, sink }: Call): Promise<void> {
    try {
      await sleep(tookMs / 2, this.#world, signal);
      if (commits) sink?.emit(textDelta('x'));
      await sleep(tookMs / 2, this.#world, signal);
      this.#last = kind && new GatewayError(kind, 'no', facts);
    } catch (aborted) {
      this.#last = aborted as GatewayError;
    }
    if (!this.#last) return;
    record.status = this.#last.rule.code;
    throw this.#last;
  }

  get #mostRepeats(): number {
    const { maxRetries, beforeFallback } = this.#schedule.settings;
    const most = this.#plan.isLast ? maxRetries : Math.min(maxRetries, beforeFallback);
    return this.#last?.kind === 'upstream_timeout' ? Math.min(most, 1) : most;
  }

  #checkBegin(): void {
    const nowMs = this.#world.now();
    if (this.#tries === 0) return law(nowMs === this.#plan.atMs, 'the first try is never delayed');
    const { fastestMs = 0 } = this.#schedule;
    law(!this.#caller.signal.aborted, 'nothing is tried when the caller has gone');
    law(!(this.#plan.streams && this.#sink.committed), 'nothing is tried when content has gone to the caller');
    law(nowMs + fastestMs < this.#untilMs + ROUNDING_MS, 'no wait ends after the deadline, or too late for an answer');
    law(this.#tries <= this.#mostRepeats, 'there are no more tries than are allowed');
    law(this.#last?.rule.retry === true && this.#last.facts.shouldRetry !== false, 'only what may pass is repeated');
    law(this.#isWorthIt(), 'with another target left, what takes long is not repeated');
    const [leastMs, mostMs] = this.#waitRange();
    const waitedMs = nowMs - this.#endedMs;
    law(waitedMs >= leastMs - ROUNDING_MS && waitedMs <= mostMs + ROUNDING_MS, `a wait of ${waitedMs} ms`);
  }

  #isWorthIt(): boolean {
    const namedMs = this.#last?.facts.retryAfterMs ?? 0;
    return this.#plan.isLast || (this.#last?.kind !== 'upstream_timeout' && namedMs <= 1_000);
  }

  /** The shortest and the longest wait after the last try. */
  #waitRange(): readonly [number, number] {
    const { baseMs, maxMs } = this.#schedule.settings;
    const namedMs = this.#last?.facts.retryAfterMs;
    if (namedMs !== undefined) return [namedMs, namedMs + Math.max(250, namedMs / 10)];
    return [0, Math.min(maxMs, baseMs * 2 ** (this.#tries - 1))];
  }

  #checkEnd(end: GatewayError | undefined): void {
    law((end === undefined) === (this.#last === undefined), 'a call succeeds if its last try does');
    if (!end) return law(this.#world.now() === this.#endedMs, 'an answer is passed on at once');
    const { aborted } = this.#caller.signal;
    if (end.kind === 'cancelled') return law(aborted, 'only a caller who has gone is told so');
    law(end.kind === this.#last?.kind, 'a call fails as its last try did');
    law(this.#world.now() === this.#endedMs, 'what is not repeated fails at once');
    const isAdvised = end.rule.retry && end.facts.shouldRetry !== false;
    law(
      (end.facts.retryAfterMs !== undefined) === (isAdvised || this.#last?.facts.retryAfterMs !== undefined),
      'advice',
    );
    law(aborted || this.#mayGiveUp(end), `${end.kind} could have been repeated`);
  }

  /** Whether there is a reason for no further try. */
  #mayGiveUp({ rule, facts }: GatewayError): boolean {
    const { settings, fastestMs = 0 } = this.#schedule;
    const namedMs = this.#last?.facts.retryAfterMs ?? 0;
    if (!rule.retry || facts.shouldRetry === false || this.#wasRefused) return true;
    if (this.#tries > this.#mostRepeats || (this.#plan.streams && this.#sink.committed)) return true;
    if (namedMs > settings.maxRetryAfterMs) return true;
    if (!this.#isWorthIt()) return true;
    return this.#endedMs + this.#waitRange()[1] + fastestMs >= this.#untilMs;
  }

  #checkTrail(news: readonly News[]): void {
    const { attempts } = this.#call.trail;
    law(attempts.length === this.#tries, 'there is a record of each try');
    const last = attempts.length - 1;
    law(
      attempts.every(({ leftBecause }, i) => (leftBecause !== '') === i < last),
      'it is said of each try but the last why it was left',
    );
    law(news.filter(({ type }) => type === 'retried').length === last, 'each repeat is told');
  }
}

/** Plays a schedule, and checks every law. */
async function simulate(schedule: Schedule): Promise<void> {
  const world = new World(schedule.seed);
  const budget = new WatchedBudget(schedule.settings);
  const under = { repeats: 0 };
  const ends: Promise<void>[] = [];
  for (const plan of schedule.calls) {
    const call = new Simulated(world, plan, schedule, budget, under);
    world.after(plan.atMs, () => ends.push(call.run()));
  }
  for (const { atMs, tookMs } of schedule.over) {
    world.after(atMs, () => world.after(tookMs, budget.count()));
  }
  await world.run();
  law(ends.length === schedule.calls.length, 'every call began');
  await Promise.all(ends);
  law(budget.active === 0 && budget.extra === 0 && under.repeats === 0, 'everything is given back');
}

const ms = (max: number) => fc.integer({ min: 0, max });
const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });

const kinds: readonly (ErrorKind | undefined)[] = [
  undefined,
  'upstream_overloaded',
  'upstream_rate_limited',
  'upstream_timeout',
  'upstream_reset',
  'upstream_auth',
  'upstream_rejected',
];

const someFacts: fc.Arbitrary<ErrorFacts> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: ms(3_000).map((retryAfterMs) => ({ retryAfterMs })) },
  { weight: 1, arbitrary: fc.boolean().map((shouldRetry) => ({ shouldRetry })) },
);

const someTry: fc.Arbitrary<Try> = fc.record({
  tookMs: ms(400),
  kind: fc.constantFrom(...kinds),
  facts: someFacts,
  commits: fc.nat(5).map((n) => n === 0),
});

const someCall: fc.Arbitrary<Planned> = fc.record({
  atMs: ms(300),
  isLast: fc.boolean(),
  streams: fc.boolean(),
  abortMs: sometimes(ms(1_500)),
  deadlineMs: sometimes(ms(3_000)),
  answerByMs: sometimes(ms(2_000)),
  tries: fc.array(someTry, { minLength: 1, maxLength: 4 }),
});

const someSettings: fc.Arbitrary<RetrySettings> = fc.record({
  maxRetries: fc.nat(4),
  beforeFallback: fc.nat(3),
  baseMs: ms(300),
  maxMs: ms(600),
  maxRetryAfterMs: ms(2_500),
  budgetPercent: ms(100),
  budgetFloor: fc.nat(3),
});

const someSchedule: fc.Arbitrary<Schedule> = fc.record({
  settings: someSettings,
  fastestMs: sometimes(ms(300)),
  calls: fc.array(someCall, { minLength: 1, maxLength: 10, size: 'max' }),
  over: fc.array(fc.record({ atMs: ms(800), tookMs: ms(800) }), { maxLength: 3 }),
  seed: fc.integer(),
});

it('keeps every law in any schedule', async () => {
  await fc.assert(fc.asyncProperty(someSchedule, simulate), { numRuns: 9_800 });
}, 60_000);

/** So many callers, each of whom calls again as soon as a call has failed. */
async function closedLoop(callers: number, tookMs: number, endMs: number, settings: RetrySettings, seed: number) {
  const world = new World(seed);
  const budget = new RetryBudget(settings);
  const layer = retry({ settings, budget, clock: world, tell: () => undefined, fastestMs: () => undefined });
  const begun = { firsts: 0, repeats: 0 };
  const failing = async (call: Call) => {
    const isRepeat = call.trail.attempts.length > 0;
    if (world.now() < endMs) begun[isRepeat ? 'repeats' : 'firsts']++;
    call.trail.attempts.push(create(AttemptSchema, target));
    await sleep(tookMs, world, call.signal);
    throw new GatewayError('upstream_overloaded', 'no');
  };
  const caller = async () => {
    while (world.now() < endMs) await layer(failing)(testCall()).catch(() => undefined);
  };
  const all = Array.from({ length: callers }, caller);
  await world.run();
  await Promise.all(all);
  return begun;
}

it('a provider that fails every try gets few repeats: at most as many as fit into its budget', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 8, max: 40 }),
    fc.integer({ min: 10, max: 100 }),
    fc.integer({ min: 0, max: 50 }),
    fc.nat(3),
    fc.integer(),
    async (callers, tookMs, budgetPercent, budgetFloor, seed) => {
      const settings = { budgetPercent, budgetFloor, maxRetries: 5, beforeFallback: 0, baseMs: 40, maxMs: 80 };
      const rounds = 20;
      const endMs = rounds * tookMs;
      const begun = await closedLoop(callers, tookMs, endMs, { ...settings, maxRetryAfterMs: 0 }, seed);
      // Each repeat takes up a permission for `tookMs` at least, and each caller without one makes first tries.
      const most = Math.max(budgetFloor, Math.floor((budgetPercent * callers) / 100));
      expect(begun.repeats).toBeLessThanOrEqual(most * (rounds + 1));
      expect(begun.firsts).toBeGreaterThanOrEqual((callers - most) * rounds);
      if (most > 0) expect(begun.repeats).toBeGreaterThan(0);
    },
  );
  await fc.assert(property, { numRuns: 200 });
}, 60_000);
