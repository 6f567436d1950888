import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CacheStatus } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { settle } from '../../support/calls.ts';
import { type Ask, broken, type Caller, COST, SETTINGS, Stage, textOf } from './stage.ts';

type Step =
  | { readonly do: 'call'; readonly at: number; readonly streams: boolean }
  | { readonly do: 'leave'; readonly who: number }
  | { readonly do: 'answer' | 'fail' | 'trouble'; readonly which: number }
  | { readonly do: 'crash'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number };

const REPLICAS = 3;
const index = fc.nat(20);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call'), at: fc.nat(REPLICAS - 1), streams: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave'), who: index }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('answer', 'fail', 'trouble'), which: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), at: fc.nat(REPLICAS - 1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.constantFrom(10, 200, 700, 2_000, 8_000) }) },
) as fc.Arbitrary<Step>;

/** Plays calls with one key, and looks at each new time that the provider is asked. */
class Play {
  readonly stage = new Stage(REPLICAS);
  readonly callers: Caller[] = [];
  /** When each ask was answered. */
  readonly #answeredMs = new Map<Ask, number>();
  readonly #places = [...this.stage.replicas];
  #seen: readonly Ask[] = [];
  #texts = 0;

  async take(next: Step): Promise<void> {
    const { stage } = this;
    const open = stage.asks.filter(({ ended, replica }) => !ended && replica.isAlive);
    if (next.do === 'call') {
      const replica = this.#places[next.at];
      if (replica) this.callers.push(replica.call({}, {}, next.streams));
    } else if (next.do === 'leave') this.callers.at(next.who % Math.max(1, this.callers.length))?.leave();
    else if (next.do === 'crash') this.#crash(next.at);
    else if (next.do === 'pass') await this.#pass(next.ms);
    else this.#end(open[next.which % Math.max(1, open.length)], next.do);
    await settle();
    this.#look();
  }

  /** Ends all that is under way. */
  async end(): Promise<void> {
    for (let round = 0; round < 20 && this.#waiting.length > 0; round++) {
      for (const ask of this.stage.asks) if (!ask.ended && ask.replica.isAlive) this.#end(ask, 'answer');
      await this.#pass(700);
      this.#look();
    }
    expect(this.#waiting).toEqual([]);
  }

  /** What all calls count that were not lost with their process. */
  get counted(): bigint {
    return this.callers
      .filter(({ replica }) => replica.isAlive)
      .reduce((sum, { call: { trail }, end }) => {
        const own =
          end instanceof Error || trail.cacheStatus === CacheStatus.REPLAYED ? 0n : (end?.cost?.totalNanoUsd ?? 0n);
        return sum + own + (trail.partialCost?.totalNanoUsd ?? 0n);
      }, 0n);
  }

  get billed(): bigint {
    return BigInt([...this.#answeredMs.keys()].filter(({ replica }) => replica.isAlive).length) * COST;
  }

  get #waiting(): Caller[] {
    return this.callers.filter(({ end, replica }) => end === undefined && replica.isAlive);
  }

  async #pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 100) {
      await this.stage.pass(Math.min(100, ms - passedMs));
      this.#look();
    }
  }

  #end(ask: Ask | undefined, how: 'answer' | 'fail' | 'trouble'): void {
    if (how === 'fail') ask?.fail(broken());
    else if (how === 'trouble') ask?.fail(new GatewayError('shutting_down', 'Bye.'));
    else if (ask) {
      this.#answeredMs.set(ask, this.stage.clock.now());
      ask.answer(`answer ${this.#texts++}`);
    }
  }

  /** Another process takes its place. */
  #crash(at: number): void {
    this.#places[at]?.crash();
    this.#places[at] = this.stage.start();
  }

  /** No ask begins while another is under way whose process lives, nor while there is an answer. */
  #look(): void {
    const { asks } = this.stage;
    const begun = asks.filter((ask) => !this.#seen.includes(ask));
    for (const ask of begun) {
      const others = asks.filter((other) => other !== ask && other.replica.isAlive);
      expect(others.filter(({ ended }) => !ended)).toEqual([]);
      const now = this.stage.clock.now();
      const kept = others.filter((other) => now - (this.#answeredMs.get(other) ?? -SETTINGS.ttlMs) < SETTINGS.ttlMs);
      expect(kept).toEqual([]);
    }
    this.#seen = asks;
  }
}

it('one answer is paid for a key, unless the first one failed or its process died', { timeout: 120_000 }, async () => {
  const reached = { replayed: 0, joined: 0, taken_over: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const play = new Play();
      for (const each of steps) await play.take(each);
      await play.end();
      expect(play.counted).toBe(play.billed);
      const results = play.stage.replicas.flatMap((replica) => replica.results);
      for (const name of Object.keys(reached) as (keyof typeof reached)[])
        reached[name] += results.filter((result) => result === name).length;
    }),
    { numRuns: 300 },
  );
  // Otherwise this would not have been tested at all.
  for (const times of Object.values(reached)) expect(times).toBeGreaterThan(0);
});

it('all who are answered by one ask get the same', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const play = new Play();
      for (const each of steps.filter((one) => one.do !== 'crash' && one.do !== 'fail' && one.do !== 'trouble'))
        if (each.do !== 'pass' || each.ms < 700) await play.take(each);
      await play.end();
      expect(play.stage.asks.length).toBeLessThanOrEqual(1);
      const texts = new Set(play.callers.map(({ end }) => textOf(end)).filter((text) => text !== undefined));
      expect(texts.size).toBeLessThanOrEqual(1);
    }),
    { numRuns: 100 },
  );
});
