import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import { toGatewayError } from '../../src/core/errors.ts';
import type { News } from '../../src/core/news.ts';
import { type Priority, priorities } from '../../src/core/policy.ts';
import { sleep } from '../../src/core/sleep.ts';
import { concurrency } from '../../src/layers/concurrency.ts';
import type { ConcurrencySettings } from '../../src/resilience/settings.ts';
import { QueueRefusal } from '../../src/resilience/turns/refusal.ts';
import { type Release, Turns } from '../../src/resilience/turns.ts';
import { helloResponse, settle, testCall } from '../support/calls.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { type Outcome, TurnsModel } from '../support/turns-model.ts';

const priority = fc.constantFrom(...priorities);
const settings = fc.record<ConcurrencySettings>({
  max: fc.integer({ min: 1, max: 4 }),
  maxQueued: fc.integer({ min: 0, max: 8 }),
  maxWaitMs: fc.constantFrom(50, 200, Number.POSITIVE_INFINITY),
});

/** What happens. Numbers of calls are taken modulo how many there are. */
type Step =
  | { readonly type: 'arrive'; readonly priority: Priority; readonly flow: string; readonly leftMs: number }
  | { readonly type: 'release' | 'abort'; readonly call: number }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'resize'; readonly settings: ConcurrencySettings };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('arrive' as const),
      priority,
      flow: fc.constantFrom('a', 'b', 'c'),
      leftMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: -1, max: 300 })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('release' as const), call: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('abort' as const), call: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('resize' as const), settings }) },
);

const outcomeOf = (reason: unknown): Outcome => (reason instanceof QueueRefusal ? reason.refused : 'aborted');

/** Turns, what became of each call that came, and what a caller may do with it. */
class Scene {
  readonly clock: FakeClock = fakeClock();
  readonly turns: Turns;
  readonly log: (readonly [id: number, outcome: Outcome])[] = [];
  readonly releases = new Map<number, Release>();
  readonly aborts: AbortController[] = [];

  constructor(bounds: ConcurrencySettings) {
    this.turns = new Turns(bounds, this.clock);
  }

  arrive(of: Priority, flow: string, untilMs = Number.POSITIVE_INFINITY): number {
    const id = this.aborts.length;
    const abort = new AbortController();
    this.aborts.push(abort);
    this.turns.wait({ priority: of, flow, signal: abort.signal, untilMs }).then(
      (release) => {
        this.log.push([id, 'granted']);
        this.releases.set(id, release);
      },
      (reason) => this.log.push([id, outcomeOf(reason)]),
    );
    return id;
  }

  /** Ends the turn that this call has. */
  async release(id: number): Promise<void> {
    this.releases.get(id)?.();
    this.releases.delete(id);
    await null;
  }

  /** Ends the oldest turn, and tells whose is the next. */
  async next(): Promise<number | undefined> {
    const before = this.log.length;
    const [oldest] = this.releases.keys();
    if (oldest !== undefined) await this.release(oldest);
    return this.log[before]?.[0];
  }
}

/** Does the same to the turns and to the model. */
function take(one: Step, scene: Scene, model: TurnsModel): void {
  switch (one.type) {
    case 'arrive': {
      const untilMs = scene.clock.now() + one.leftMs;
      return model.arrive(scene.arrive(one.priority, one.flow, untilMs), one.priority, one.flow, untilMs);
    }
    case 'release': {
      const id = [...scene.releases.keys()][one.call % scene.releases.size];
      if (id === undefined) return;
      scene.releases.get(id)?.();
      scene.releases.delete(id);
      return model.release(id);
    }
    case 'abort': {
      const id = model.waiting[one.call % model.waiting.length]?.id;
      if (id === undefined) return;
      scene.aborts[id]?.abort();
      return model.abort(id);
    }
    case 'advance':
      scene.clock.advance(one.ms);
      return model.advance(one.ms);
    case 'resize':
      scene.turns.resize(one.settings);
      return model.resize(one.settings);
  }
}

function checkLaws({ turns, log, clock, aborts }: Scene, model: TurnsModel, before: Pick<Turns, 'active' | 'queued'>) {
  const { max, maxQueued } = model.settings;
  // Only a bound that was lowered is exceeded, and then nothing is added.
  expect(turns.active).toBeLessThanOrEqual(Math.max(max, before.active));
  expect(turns.queued).toBeLessThanOrEqual(Math.max(maxQueued, before.queued));
  if (turns.queued > 0) expect(turns.active).toBeGreaterThanOrEqual(max);
  expect(log.length + turns.queued).toBe(aborts.length);
  expect(clock.pending).toBe(turns.queued);
}

describe('turns, whatever happens', () => {
  it('do what the plainest model of them does, within their bounds, and forget nobody', async () => {
    const seen = new Set<Outcome>();
    await fc.assert(
      fc.asyncProperty(settings, fc.array(step, { minLength: 1, maxLength: 60 }), async (bounds, steps) => {
        const scene = new Scene(bounds);
        const model = new TurnsModel(bounds, scene.clock.now());
        const { turns, log, releases, aborts, clock } = scene;
        for (const one of steps) {
          const before = { active: turns.active, queued: turns.queued };
          take(one, scene, model);
          await null;
          expect(log).toEqual(model.log);
          expect([turns.active, turns.queued]).toEqual([model.active.length, model.waiting.length]);
          checkLaws(scene, model, before);
        }
        while (releases.size > 0) await scene.next();
        expect(log.map(([id]) => id).sort((a, b) => a - b)).toEqual(aborts.map((_, id) => id));
        expect([turns.active, turns.queued, clock.pending]).toEqual([0, 0, 0]);
        for (const [, outcome] of log) seen.add(outcome);
      }),
      { numRuns: 5_000 },
    );
    expect([...seen].sort()).toEqual(['aborted', 'full', 'granted', 'too_late', 'too_long']);
  });
});

const counts = (of: readonly (string | undefined)[], names: readonly string[]): number[] =>
  names.map((name) => of.filter((one) => one === name).length);

/** One turn that is held, so that all that come wait. */
async function closed(): Promise<Scene> {
  const scene = new Scene({ max: 1, maxQueued: 1_000, maxWaitMs: Number.POSITIVE_INFINITY });
  scene.arrive('high', 'first');
  await null;
  return scene;
}

describe('flows of one priority', () => {
  it('have equal shares, to within one turn, however unequally they ask; and each is served in order', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const arrivals = fc.array(fc.nat(4), { minLength: 1, maxLength: 60 });
    const later = fc.array(fc.array(fc.nat(4), { maxLength: 2 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 5 }), priority, arrivals, later, async (n, of, first, rounds) => {
        const flows = names.slice(0, n);
        const scene = await closed();
        const flowOf = new Map<number, string>();
        const arrive = (which: number) => {
          const flow = flows[which % n] ?? '';
          flowOf.set(scene.arrive(of, flow), flow);
        };
        for (const which of [...flows.keys(), ...first]) arrive(which);
        const served: number[] = [];
        const waiting = () =>
          counts(
            [...flowOf].filter(([id]) => !served.includes(id)).map(([, flow]) => flow),
            flows,
          );
        for (let i = 0; Math.min(...waiting()) > 0; i++) {
          for (const which of rounds[i] ?? []) arrive(which);
          const id = await scene.next();
          if (id !== undefined) served.push(id);
          const had = counts(
            served.map((one) => flowOf.get(one)),
            flows,
          );
          expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(1);
        }
        for (const flow of flows) {
          const ids = served.filter((id) => flowOf.get(id) === flow);
          expect(ids).toEqual(ids.toSorted((a, b) => a - b));
        }
        for (const abort of scene.aborts) abort.abort();
        expect(scene.clock.pending).toBe(0);
      }),
      { numRuns: 2_000 },
    );
  });
});

/**
 * The most turns that others have while a call of this priority waits for the next one of its own: as many as their
 * shares are of its own, and one more where one of them was due at the moment in which it came.
 */
const longestPause: Readonly<Record<Priority, number>> = { low: 16 + 4 + 1, normal: 4 + 1, high: 1 + 1 };

describe('priorities', () => {
  it('none is starved: others have so many turns before it has one, and no more', async () => {
    const arrivals = fc.array(fc.array(priority, { maxLength: 3 }), { minLength: 30, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(fc.array(priority, { minLength: 1, maxLength: 40 }), arrivals, async (first, rounds) => {
        const scene = await closed();
        const waiting = new Map<number, Priority>();
        const paused: Record<Priority, number> = { low: 0, normal: 0, high: 0 };
        for (const of of first) waiting.set(scene.arrive(of, 'a'), of);
        for (const round of rounds) {
          for (const of of round) waiting.set(scene.arrive(of, 'a'), of);
          if (waiting.size === 0) continue;
          const id = await scene.next();
          const served = waiting.get(id ?? -1);
          waiting.delete(id ?? -1);
          const waits = new Set(waiting.values());
          for (const one of priorities) {
            paused[one] = one === served || !waits.has(one) ? 0 : paused[one] + 1;
            expect(paused[one]).toBeLessThanOrEqual(longestPause[one]);
          }
        }
        for (const abort of scene.aborts) abort.abort();
        expect(scene.clock.pending).toBe(0);
      }),
      { numRuns: 1_500 },
    );
  });
});

interface Visit {
  readonly afterMs: number;
  readonly takesMs: number;
  readonly priority: Priority;
  readonly agent: string;
  readonly leavesAfterMs: number | undefined;
  readonly answerWithinMs: number | undefined;
}

const visit: fc.Arbitrary<Visit> = fc.record({
  afterMs: fc.nat(20),
  takesMs: fc.nat(100),
  priority,
  agent: fc.constantFrom('a', 'b', 'c'),
  leavesAfterMs: fc.option(fc.nat(200), { nil: undefined }),
  answerWithinMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
});

describe('calls through the layer, over time', () => {
  it('are never too many, never begin too late, and all end once', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(visit, { minLength: 1, maxLength: 30 }), async (bounds, visits) => {
        const clock = fakeClock();
        const turns = new Turns(bounds, clock);
        const news: News[] = [];
        let inside = 0;
        const backend: Complete = async (call) => {
          inside++;
          expect(inside).toBeLessThanOrEqual(bounds.max);
          expect(call.signal.aborted).toBe(false);
          expect(clock.now()).toBeLessThanOrEqual(call.answerByMs ?? Number.POSITIVE_INFINITY);
          expect(call.trail.queuedMs).toBe(clock.now() - call.receivedMs);
          try {
            await sleep(Number(call.id), clock, call.signal);
          } finally {
            inside--;
          }
          return helloResponse();
        };
        const complete = concurrency(turns, clock, (one) => news.push(one))(backend);
        const ends: string[] = [];
        const timers: (() => void)[] = [];
        for (const { afterMs, leavesAfterMs, ...rest } of visits) {
          await pass(clock, afterMs);
          const abort = new AbortController();
          if (leavesAfterMs !== undefined) timers.push(clock.after(leavesAfterMs, () => abort.abort('left')).cancel);
          complete(visitCall(rest, abort.signal, clock.now())).then(
            () => ends.push('answered'),
            (reason) => ends.push(reason === 'left' ? 'left' : toGatewayError(reason).kind),
          );
        }
        await pass(clock, 5_000);
        for (const cancel of timers) cancel();
        expect(ends).toHaveLength(visits.length);
        expect(ends.filter((end) => !['answered', 'left', 'queue_full'].includes(end))).toEqual([]);
        expect(ends.filter((end) => end === 'queue_full')).toHaveLength(news.length);
        expect([inside, turns.active, turns.queued, clock.pending]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 1_500 },
    );
  });
});

/** The call's id tells how long the provider takes. */
function visitCall(visit: Omit<Visit, 'afterMs' | 'leavesAfterMs'>, signal: AbortSignal, nowMs: number): Call {
  const { takesMs, agent, answerWithinMs } = visit;
  const call = testCall({ id: String(takesMs), priority: visit.priority, signal, receivedMs: nowMs });
  call.context.sourceAgent = agent;
  return { ...call, answerByMs: answerWithinMs && nowMs + answerWithinMs };
}

/** Lets time pass in small steps, so that what is woken runs at the time at which it is. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5) {
    clock.advance(Math.min(left, 5));
    await settle();
    if (clock.pending === 0) return clock.advance(left);
  }
  await settle();
}
