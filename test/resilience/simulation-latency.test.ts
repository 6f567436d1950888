import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Latency } from '../../src/resilience/latency.ts';

function law(holds: boolean, text: string): void {
  if (!holds) throw new Error(text);
}

/** Numbers from 0 to 1 that one seed gives again and again: a linear congruential generator. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('the average, whatever is recorded', () => {
  const step = fc.record({
    ms: fc.option(fc.integer({ min: 1, max: 60_000 }), { freq: 3 }),
    waitMs: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 150_000 })),
  });

  it('lies between the fastest and the slowest answer, and falls by itself', () => {
    const property = fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
      let nowMs = 9;
      const latency = new Latency({ now: () => nowMs });
      const all: { atMs: number; ms: number }[] = [];
      for (const { ms, waitMs } of steps) {
        const before = latency.ewmaMs ?? Number.POSITIVE_INFINITY;
        nowMs += waitMs;
        law((latency.ewmaMs ?? 0) <= before + 1e-6, 'does not rise by itself');
        if (ms !== null) {
          latency.record(ms);
          all.push({ atMs: nowMs, ms });
          law((latency.ewmaMs ?? 0) >= ms - 1e-6, 'is at least the last answer');
        }
        const minute = (atMs: number) => Math.floor(atMs / 60_000);
        const recent = all.filter(({ atMs }) => minute(atMs) > minute(nowMs) - 5).map((one) => one.ms);
        law(latency.fastestMs === (recent.length === 0 ? undefined : Math.min(...recent)), 'knows the fastest');
        const times = all.map((one) => one.ms);
        const { ewmaMs } = latency;
        const isKnown = all.length > 0 && nowMs - (all.at(-1)?.atMs ?? 0) <= 120_000;
        law((ewmaMs !== undefined) === isKnown, 'is known for two minutes');
        if (ewmaMs === undefined) continue;
        law(ewmaMs >= Math.min(...times) - 1e-6 && ewmaMs <= Math.max(...times) + 1e-6, 'is one of what was seen');
      }
    });
    fc.assert(property, { numRuns: 1_500 });
  });
});

interface Answer {
  readonly target: number;
  readonly atMs: number;
  readonly ms: number;
}

/** Targets of which each call goes to the faster of two, taken by chance. One that is not known is tried. */
class World {
  nowMs = 17;
  readonly latencies: readonly Latency[];
  /** When each was called last. */
  readonly calledAtMs: number[];
  /** How much slower than usual each is now. */
  readonly factors: number[];
  answered: Answer[] = [];
  #underWay: Answer[] = [];
  readonly #usualMs: readonly number[];
  readonly #chance: () => number;

  constructor(usualMs: readonly number[], seed: number) {
    this.#usualMs = usualMs;
    this.#chance = chances(seed);
    this.latencies = usualMs.map(() => new Latency({ now: () => this.nowMs }));
    this.calledAtMs = usualMs.map(() => this.nowMs);
    this.factors = usualMs.map(() => 1);
  }

  /** Time goes by, and one more call is made. Gives where it went. */
  call(afterMs: number): number {
    this.#advance(afterMs);
    const { length } = this.latencies;
    const one = Math.floor(this.#chance() * length);
    const other = (one + 1 + Math.floor(this.#chance() * (length - 1))) % length;
    const costOf = (target: number) => this.latencies[target]?.ewmaMs ?? 0;
    const target = costOf(one) <= costOf(other) ? one : other;
    const ms = (this.#usualMs[target] ?? 0) * (this.factors[target] ?? 1) * (0.8 + 0.4 * this.#chance());
    this.#underWay.push({ target, ms, atMs: this.nowMs + ms });
    this.calledAtMs[target] = this.nowMs;
    return target;
  }

  #advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    this.answered = this.#underWay.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
    this.#underWay = this.#underWay.filter(({ atMs }) => atMs > untilMs);
    for (const answer of this.answered) {
      this.nowMs = answer.atMs;
      this.latencies[answer.target]?.record(answer.ms);
    }
    this.nowMs = untilMs;
  }
}

const usual = fc.array(fc.integer({ min: 50, max: 200 }), { minLength: 2, maxLength: 5 });
const seed = fc.integer();

describe('the faster of two by the average', () => {
  it('is another one than a target that has become slow, from its first slow answer on', () => {
    const gap = fc.integer({ min: 5, max: 50 });
    let seen = 0;
    const property = fc.property(usual, seed, gap, fc.integer({ min: 12, max: 50 }), (usualMs, one, gapMs, factor) => {
      const world = new World(usualMs, one);
      for (let i = 0; i < 50; i++) world.call(gapMs);
      world.factors[0] = factor;
      const slowMs = (usualMs[0] ?? 0) * factor * 0.8;
      const sawSlow = () => world.answered.some(({ target, ms }) => target === 0 && ms >= slowMs);
      for (let i = 0; i < 3_000 && !sawSlow(); i++) world.call(gapMs);
      if (!sawSlow()) return;
      seen++;
      let slow = 0;
      for (let i = 0; i < 100; i++) if (world.call(gapMs) === 0) slow++;
      law(slow <= 5, `of 100 calls ${slow} went to the slow one`);
    });
    fc.assert(property, { numRuns: 600 });
    expect(seen).toBeGreaterThan(200);
  });

  it('is in bounded time a target again that is as fast as before: none starves', () => {
    const gap = fc.integer({ min: 200, max: 1_000 });
    const spell = fc.integer({ min: 5_000, max: 400_000 });
    const property = fc.property(
      usual,
      seed,
      gap,
      spell,
      fc.integer({ min: 2, max: 50 }),
      (all, one, gapMs, ...[ms, factor]) => {
        const world = new World(all, one);
        const playUntil = (untilMs: number, isOver = () => false) => {
          while (world.nowMs < untilMs && !isOver()) world.call(gapMs);
        };
        playUntil(10_000);
        world.factors[0] = factor;
        playUntil(10_000 + ms);
        world.factors[0] = 1;
        const sinceMs = world.nowMs;
        // The last slow answers are still to come; then it is not known any more after two minutes, and soon drawn.
        const boundMs = 12_000 + 120_000 + 60 * gapMs;
        playUntil(sinceMs + boundMs, () => (world.calledAtMs[0] ?? 0) > sinceMs);
        law((world.calledAtMs[0] ?? 0) > sinceMs, 'is used again');
        playUntil(world.nowMs + boundMs);
        for (const atMs of world.calledAtMs) law(world.nowMs - atMs <= boundMs, 'none starves');
      },
    );
    fc.assert(property, { numRuns: 400 });
  });
});
