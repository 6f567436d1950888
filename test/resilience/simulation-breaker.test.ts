import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker, type BreakerState, type Pass } from '../../src/resilience/breaker.ts';
import type { BreakerSettings } from '../../src/resilience/settings.ts';

/** Much cheaper than `expect`: a run checks some hundred laws. */
function law(holds: boolean, text: string): void {
  if (!holds) throw new Error(text);
}

interface Ended {
  readonly call: Call;
  readonly atMs: number;
  readonly failed: boolean;
}

/** A call with its pass, and what the breaker's model knows of it. */
interface Call {
  readonly pass: Pass;
  /** It takes a place. */
  readonly isProbe: boolean;
  /** How often the breaker had opened when it began. */
  readonly opened: number;
  stage: 'begun' | 'answered' | 'over';
}

type Action = 'succeeded' | 'failed' | 'left';

/** A breaker next to a model of it that keeps everything and looks through all of it at each step. */
class World {
  nowMs = 3;
  readonly breaker: Breaker;
  readonly calls: Call[] = [];
  readonly changes: BreakerState[] = [];
  readonly #settings: BreakerSettings;
  #state: BreakerState = 'closed';
  #ended: Ended[] = [];
  #successes = 0;
  #opened = 0;
  #openedInRow = 0;
  #untilMs = 0;
  #closedAtMs = 0;

  constructor(settings: BreakerSettings, chance: number) {
    this.#settings = settings;
    const clock = { now: () => this.nowMs, random: () => chance };
    this.breaker = new Breaker(settings, clock, (state) => this.changes.push(state));
  }

  wait(ms: number): void {
    this.nowMs += ms;
    if (this.#state === 'open' && this.nowMs >= this.#untilMs) this.#state = 'half_open';
    this.#compare();
  }

  enter(isLast: boolean): Call | undefined {
    const places = { closed: Number.POSITIVE_INFINITY, half_open: this.#settings.probes, open: isLast ? 1 : 0 };
    const admitted = this.#taken < places[this.#state];
    if (this.#state !== 'open' || !isLast) law(this.breaker.admits === admitted, 'says what it admits');
    const pass = this.breaker.enter(isLast);
    law((pass !== undefined) === admitted, `${this.#state}, ${this.#taken} taken, last ${isLast}: lets through or not`);
    if (!pass) return undefined;
    const call: Call = { pass, isProbe: this.#state !== 'closed', opened: this.#opened, stage: 'begun' };
    this.calls.push(call);
    this.#compare();
    return call;
  }

  act(call: Call, action: Action): void {
    call.pass[action]('upstream_error');
    const { stage } = call;
    const counts = stage === 'begun' || (stage === 'answered' && action === 'failed');
    if (stage !== 'over' && !(stage === 'answered' && action === 'succeeded'))
      call.stage = action === 'succeeded' ? 'answered' : 'over';
    if (counts && action !== 'left' && call.opened === this.#opened) this.#count(call, action === 'failed');
    this.#compare();
  }

  get #taken(): number {
    return this.calls.filter(({ isProbe, stage }) => isProbe && stage === 'begun').length;
  }

  #count(call: Call, failed: boolean): void {
    if (this.#state === 'closed') this.#countClosed(call, failed);
    else if (!failed) this.#countSuccess();
    else if (this.#state === 'half_open') this.#open();
  }

  #countSuccess(): void {
    this.#successes++;
    this.#state = this.#successes >= this.#settings.probes ? 'closed' : 'half_open';
    if (this.#state === 'closed') this.#closedAtMs = this.nowMs;
  }

  #countClosed(call: Call, failed: boolean): void {
    this.#ended.push({ call, atMs: this.nowMs, failed });
    const { consecutiveFailures, failureRate, minCalls, windowMs } = this.#settings;
    const inRow = this.#ended.length - 1 - this.#ended.findLastIndex((ended) => !ended.failed);
    const numberOf = (atMs: number) => Math.floor(atMs / (windowMs / 10));
    const recent = this.#ended.filter(
      ({ atMs, failed, call }, i) =>
        numberOf(atMs) > numberOf(this.nowMs) - 10 &&
        (failed || !this.#ended.some((later, j) => j > i && later.call === call)),
    );
    const share = recent.filter((ended) => ended.failed).length / recent.length;
    if (failed && (inRow >= consecutiveFailures || (recent.length >= minCalls && share >= failureRate))) this.#open();
  }

  #open(): void {
    const { openMs, maxOpenMs } = this.#settings;
    if (this.#state === 'closed' && this.nowMs - this.#closedAtMs >= maxOpenMs) this.#openedInRow = 0;
    this.#state = 'open';
    const longestMs = Math.min(openMs * 2 ** this.#openedInRow, maxOpenMs);
    const lengthMs = this.breaker.retryInMs;
    law(lengthMs > longestMs * 0.899 && lengthMs <= longestMs, 'stays open for the right time');
    this.#untilMs = this.nowMs + lengthMs;
    this.#openedInRow++;
    this.#opened++;
    this.#successes = 0;
    this.#ended = [];
  }

  #compare(): void {
    if (this.#state === 'closed' && this.#opened > 0 && this.#successes > 0) {
      this.#successes = 0;
      this.#ended = [];
    }
    law(this.breaker.state === this.#state, `is ${this.breaker.state}, should be ${this.#state}`);
    law(this.breaker.retryInMs >= 0, 'never waits for less than no time');
    law(this.#state === 'closed' || this.#state === 'half_open' || !this.breaker.admits, 'admits nothing while open');
  }
}

const settings: fc.Arbitrary<BreakerSettings> = fc
  .record({
    consecutiveFailures: fc.integer({ min: 1, max: 6 }),
    failureRate: fc.constantFrom(0.1, 0.25, 0.5, 0.75, 1),
    minCalls: fc.integer({ min: 1, max: 12 }),
    windowMs: fc.integer({ min: 50, max: 3_000 }),
    openMs: fc.integer({ min: 10, max: 500 }),
    maxOpenMs: fc.integer({ min: 500, max: 2_000 }),
    probes: fc.integer({ min: 1, max: 3 }),
  })
  .map((some) => ({ ...some, enabled: true }));

const action = fc.constantFrom<Action>('succeeded', 'succeeded', 'succeeded', 'failed', 'failed', 'failed', 'left');

type Step =
  | { readonly type: 'enter'; readonly isLast: boolean }
  | { readonly type: 'act'; readonly which: number; readonly action: Action }
  | { readonly type: 'call'; readonly isLast: boolean; readonly action: Action }
  | { readonly type: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('enter' as const), isLast: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('act' as const), which: fc.nat(1_000), action }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('call' as const), isLast: fc.boolean(), action }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 600 }) }) },
);

const schedule = fc.array(step, { minLength: 10, maxLength: 80, size: 'max' });
const chance = fc.constantFrom(0, 0.3, 0.999);

function play(world: World, steps: readonly Step[]): void {
  for (const one of steps) {
    if (one.type === 'wait') world.wait(one.ms);
    else if (one.type === 'act') {
      const call = world.calls[one.which % world.calls.length];
      if (call) world.act(call, one.action);
    } else {
      const call = world.enter(one.isLast);
      if (call && one.type === 'call') world.act(call, one.action);
    }
  }
}

/** Ends all that is under way, and some of it more than once. */
function endAll(world: World, actions: readonly Action[]): void {
  for (const call of world.calls) for (const action of actions) world.act(call, action);
  for (const call of world.calls) world.act(call, 'left');
}

describe('a breaker, whatever happens in whatever order', () => {
  it('does what a model does that keeps everything, and never lets more through than it may', () => {
    let [opened, halfOpen, closed] = [0, 0, 0];
    const property = fc.property(settings, chance, schedule, (some, jitter, steps) => {
      const world = new World(some, jitter);
      play(world, steps);
      opened += world.changes.filter((state) => state === 'open').length;
      halfOpen += world.changes.filter((state) => state === 'half_open').length;
      closed += world.changes.filter((state) => state === 'closed').length;
    });
    fc.assert(property, { numRuns: 5_000 });
    expect(Math.min(opened, halfOpen, closed)).toBeGreaterThan(1_500);
  });

  it('has all its places free when all calls are over', () => {
    const actions = fc.array(action, { maxLength: 4 });
    const property = fc.property(settings, schedule, actions, (some, steps, last) => {
      const world = new World(some, 0);
      play(world, steps);
      endAll(world, last);
      for (let i = 0; world.breaker.state !== 'open'; i++) {
        law(i <= 10, 'opens by failures');
        const call = world.enter(true);
        if (call) world.act(call, 'failed');
      }
      world.wait(some.maxOpenMs);
      for (let i = 0; i < some.probes; i++) law(world.enter(false) !== undefined, 'has a place for each probe');
      law(world.enter(true) === undefined, 'has no more places');
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('never refuses calls to a provider that always succeeds', () => {
    const property = fc.property(settings, schedule, (some, steps) => {
      const world = new World(some, 0);
      for (const one of steps) {
        if (one.type === 'wait') world.wait(one.ms);
        else if (one.type !== 'act') law(world.enter(false) !== undefined, 'lets all through');
        else for (const call of world.calls.slice(-3)) world.act(call, one.action === 'left' ? 'left' : 'succeeded');
      }
      law(world.changes.length === 0, 'never changes');
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('closes after a few calls without any waiting, if nothing else is left and the provider works again', () => {
    const property = fc.property(settings, schedule, (some, steps) => {
      const world = new World(some, 0);
      play(world, steps);
      endAll(world, []);
      for (let i = 0; i < some.probes; i++) {
        const call = world.enter(true);
        law(call !== undefined, 'lets one through at any time');
        if (call) world.act(call, 'succeeded');
      }
      law(world.breaker.state === 'closed', 'is closed');
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('closes in bounded time, if calls could go elsewhere and the provider works again', () => {
    const gap = fc.integer({ min: 1, max: 300 });
    const property = fc.property(settings, chance, schedule, gap, gap, (some, jitter, steps, gapMs, durationMs) => {
      const world = new World(some, jitter);
      play(world, steps);
      endAll(world, []);
      const sinceMs = world.nowMs;
      const boundMs = some.maxOpenMs + gapMs + some.probes * (gapMs + durationMs);
      while (world.breaker.state !== 'closed') {
        law(world.nowMs - sinceMs <= boundMs, 'is closed in time');
        const call = world.enter(false);
        world.wait(durationMs);
        if (call) world.act(call, 'succeeded');
        else world.wait(Math.max(gapMs - durationMs, 0));
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
