import { describe, expect, it } from 'vitest';
import type { Strategy } from '../../../src/core/policy.ts';
import { seeded } from '../../routing/routes.ts';
import { countingClock } from '../../support/counting-clock.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import type { Line, Script } from '../../support/upstream.ts';
import { refuses, says } from './answers.ts';
import { type Asked, counts, from, type StageOptions, setStage, whole } from './stage.ts';

const CALLS = 200;

const route = (strategy: Strategy, targets: readonly unknown[], more: object = {}) => ({
  routing: { routes: { r: { strategy, targets, ...more } } },
});

const abc = ['a/one', 'b/one', 'c/one'];
const three = { a: says('A'), b: says('B'), c: says('C') };

/** What 200 calls, one after the other, reach, and in which order. */
async function reached(
  scripts: Readonly<Record<string, Script>>,
  options: StageOptions,
  asked: Asked = { model: 'r' },
) {
  const stage = await setStage(scripts, options);
  for (let n = 0; n < CALLS; n++) whole(await stage.ask(asked));
  return stage.asked;
}

describe('priority', () => {
  it('sends all to the first', async () => {
    expect(counts(await reached(three, { file: route('priority', abc) }))).toEqual({ 'a/one': CALLS });
  });
});

describe('weighted', () => {
  const weights = [
    { model: 'a/one', weight: 6 },
    { model: 'b/one', weight: 3 },
    'c/one',
    { model: 'a/two', weight: 0 },
  ];

  it('shares by weight', async () => {
    const { a, b, c } = three;
    const seen = counts(
      await reached({ a, b, c }, { file: route('weighted', weights), clock: countingClock(seeded(4)) }),
    );
    expect(seen['a/two']).toBeUndefined();
    // Three standard deviations of a share of 200.
    for (const [name, share] of [
      ['a/one', 0.6],
      ['b/one', 0.3],
      ['c/one', 0.1],
    ] as const)
      expect(Math.abs((seen[name] ?? 0) / CALLS - share)).toBeLessThan(3 * Math.sqrt((share * (1 - share)) / CALLS));
  });

  it('goes to one without any weight at the very last', async () => {
    const onlyTwo: Script = (line, n) => (line.request.body.includes('"two"') ? says('A2') : refuses(500))(line, n);
    const bad = { a: onlyTwo, b: refuses(500), c: refuses(500) };
    const stage = await setStage(bad, { file: { ...route('weighted', weights), breaker: { enabled: false } } });
    for (let n = 1; n <= 20; n++) {
      expect(from(await stage.ask({ model: 'r' }))).toBe('a/two');
      expect(stage.asked).toHaveLength(4 * n);
    }
  });
});

describe('round_robin', () => {
  it('takes turns', async () => {
    const asked = await reached(three, { file: route('round_robin', abc) });
    expect(asked).toEqual(Array.from({ length: CALLS }, (_, n) => abc[n % 3]));
  });

  it('shares the turns of one that fails among the others', async () => {
    const file = { ...route('round_robin', abc), breaker: { enabled: false } };
    const asked = await reached({ ...three, a: refuses(503) }, { file });
    expect(counts(asked)).toEqual({ 'a/one': 67, 'b/one': 101, 'c/one': 99 });
  });
});

describe('least_cost', () => {
  const price = (input: number, output: number) => ({
    price: { input_usd_per_million: input, output_usd_per_million: output },
  });
  const file = {
    ...route('least_cost', ['c/one', 'a/one', 'b/one']),
    catalogue: { models: { 'a/one': price(1, 100), 'b/one': price(50, 10) } },
  };

  it('takes the cheapest for this request, and one without a price last', async () => {
    const stage = await setStage(three, { file });
    await stage.ask({ model: 'r', maxTokens: 1 });
    await stage.ask({ model: 'r' });
    expect(stage.asked).toEqual(['a/one', 'b/one']);
  });

  it('goes on to the next cheapest', async () => {
    const stage = await setStage({ ...three, a: refuses(503), b: refuses(503) }, { file });
    whole(await stage.ask({ model: 'r', maxTokens: 1 }));
    expect(stage.asked).toEqual(['a/one', 'b/one', 'c/one']);
  });
});

/** Answers after so long, by the gateway's clock. */
const taking =
  (clock: FakeClock, ms: number): Script =>
  (line: Line, n) => {
    clock.advance(ms);
    return says('x')(line, n);
  };

describe('least_latency', () => {
  it('avoids the slow one', async () => {
    const clock = fakeClock();
    const random = seeded(7);
    clock.random = random;
    const scripts = { a: taking(clock, 900), b: taking(clock, 30), c: taking(clock, 20) };
    const seen = counts(await reached(scripts, { file: route('least_latency', abc), clock }));
    expect(seen['a/one']).toBeLessThanOrEqual(2);
    expect(seen['b/one']).toBeGreaterThan(40);
    expect(seen['c/one']).toBeGreaterThan(100);
  });
});

describe('least_busy', () => {
  it('gives each as much to do', async () => {
    const held: (() => void)[] = [];
    const hold: Script = (line, n) => void held.push(() => says('x')(line, n));
    const stage = await setStage({ a: hold, b: hold }, { file: route('least_busy', ['a/one', 'b/one']) });
    const calls = Array.from({ length: CALLS }, () => stage.ask({ model: 'r' }));
    while (held.length < CALLS) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(counts(stage.asked)).toEqual({ 'a/one': CALLS / 2, 'b/one': CALLS / 2 });
    for (const release of held) release();
    await Promise.all(calls);
  });

  it('leaves one alone that is at work for long', async () => {
    const scripts = { ...three, a: () => undefined };
    const stage = await setStage(scripts, { file: route('least_busy', ['a/one', 'b/one']) });
    const abort = new AbortController();
    const stuck: Promise<unknown>[] = [];
    while (stage.asked.length === 0 || stage.asked.at(-1) !== 'a/one') {
      const before = stage.asked.length;
      stuck.push(stage.ask({ model: 'r' }, { signal: abort.signal }));
      while (stage.asked.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const before = stage.asked.length;
    for (let n = 0; n < CALLS; n++) whole(await stage.ask({ model: 'r' }));
    expect(counts(stage.asked.slice(before))).toEqual({ 'b/one': CALLS });
    abort.abort();
    await Promise.all(stuck);
  });
});
