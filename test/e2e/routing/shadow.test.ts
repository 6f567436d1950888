import { describe, expect, it } from 'vitest';
import { seeded } from '../../routing/routes.ts';
import { countingClock } from '../../support/counting-clock.ts';
import { until } from '../../support/scene.ts';
import type { Script } from '../../support/upstream.ts';
import { hangs, later, refuses, says } from './answers.ts';
import { contentOf, counts, hows, metric, type Stage, setStage, tries, whole } from './stage.ts';

const price = (input: number, output: number) => ({
  price: { input_usd_per_million: input, output_usd_per_million: output },
});

const fileWith = (percent: number) => ({
  routing: {
    rules: [{ name: 'tried', match: {}, targets: ['a/one'], shadow: { to: 'b/two', percent }, fallbacks: ['a/two'] }],
  },
  catalogue: { models: { 'a/one': price(1, 2), 'b/two': price(10, 20) } },
});

const stageOf = (shadow: Script, primary: Script = says('Hello.'), percent = 100) =>
  setStage({ a: primary, b: shadow }, { file: fileWith(percent) });

const shadowLines = ({ gateway }: Stage) => gateway.lines().filter(({ msg }) => msg === 'shadow');

const shadows = (stage: Stage, result: 'ok' | 'error' | 'skipped') =>
  metric(stage, 'llm_shadow_calls_total', ['provider="b"', `result="${result}"`]);

describe.each(hows)('a shadow (%s)', (how) => {
  it('changes nothing of the answer, and is told in the log and in metrics', async () => {
    const stage = await stageOf(says('Good day to you.'));
    const without = await setStage({ a: says('Hello.') }, { file: { ...fileWith(0), routing: {} } });
    const reply = await stage.ask({}, { how });
    const other = await without.ask({ model: 'a/one' }, { how });
    expect(contentOf(reply)).toEqual(contentOf(other));
    expect(tries(reply)).toEqual(['a/one: ']);
    const { usage, cost, warnings, attempts } = whole(reply);
    expect({ usage, cost, warnings }).toEqual({
      usage: whole(other).usage,
      cost: whole(other).cost,
      warnings: whole(other).warnings,
    });
    expect(cost).toMatchObject({ totalNanoUsd: 13_000n, otherAttemptsNanoUsd: 0n });
    expect(attempts).toHaveLength(1);
    await until('the comparison', () => shadowLines(stage).length === 1);
    expect(shadowLines(stage)).toMatchObject([
      {
        provider: 'a',
        model: 'one',
        shadow_provider: 'b',
        shadow_model: 'two',
        cost_nano_usd: 13_000,
        shadow_cost_nano_usd: 130_000,
        length: 'Hello.'.length,
        shadow_length: 'Good day to you.'.length,
      },
    ]);
    expect(stage.gateway.logText()).not.toMatch(/Hello|Good day/);
    expect(await shadows(stage, 'ok')).toBe(1);
    expect(await metric(stage, 'llm_shadow_cost_usd_total', ['provider="b"'])).toBeCloseTo(0.00013, 9);
    expect(await metric(stage, 'llm_cost_usd_total', ['provider="a"'])).toBeCloseTo(0.000013, 9);
    expect(await metric(stage, 'llm_cost_usd_total', ['provider="b"'])).toBeUndefined();
  });

  it('that fails is counted, and the caller does not notice', async () => {
    const stage = await stageOf(refuses(503));
    expect(tries(await stage.ask({}, { how }))).toEqual(['a/one: ']);
    await until('the comparison', () => shadowLines(stage).length === 1);
    expect(shadowLines(stage)).toMatchObject([{ shadow_error_reason: 'UPSTREAM_OVERLOADED' }]);
    expect(await shadows(stage, 'error')).toBe(1);
  });

  it('that never answers keeps nobody waiting, and ends with the gateway', async () => {
    const stage = await stageOf(hangs);
    for (let n = 0; n < 3; n++) expect(tries(await stage.ask({}, { how }))).toEqual(['a/one: ']);
    await until('the shadows', () => counts(stage.asked)['b/two'] === 3);
    expect(shadowLines(stage)).toEqual([]);
    await stage.gateway.close();
    await stage.closed('b');
    expect(shadowLines(stage)).toEqual([]);
  });

  it('may be slower than the answer', async () => {
    const stage = await stageOf(later(50, says('Late.')));
    await stage.ask({}, { how });
    expect(shadowLines(stage)).toEqual([]);
    await until('the comparison', () => shadowLines(stage).length === 1);
    expect(shadowLines(stage)[0]?.shadow_length).toBe('Late.'.length);
  });

  it('ends when the caller leaves', async () => {
    const stage = await stageOf(hangs, hangs);
    const abort = new AbortController();
    const call = stage.ask({}, { how, signal: abort.signal });
    await until('both', () => stage.asked.length === 2);
    abort.abort();
    await call;
    await stage.closed('a');
    await stage.closed('b');
    expect(shadowLines(stage)).toEqual([]);
  });

  it('ends when the call fails', async () => {
    const stage = await stageOf(hangs, later(30, refuses(400)));
    expect((await stage.ask({}, { how })).error?.errorInfo?.reason).toBe('UPSTREAM_REJECTED');
    await stage.closed('b');
    expect(shadowLines(stage)).toEqual([]);
  });
});

it('is sent for its share of the calls', async () => {
  const stage = await setStage({ a: says('A'), b: says('B') }, { file: fileWith(25), clock: countingClock(seeded(3)) });
  for (let n = 0; n < 200; n++) await stage.ask();
  await until('the shadows to end', () => shadowLines(stage).length === (counts(stage.asked)['b/two'] ?? 0));
  expect(Math.abs((counts(stage.asked)['b/two'] ?? 0) - 50)).toBeLessThan(25);
});

it('is one for each call, however many tries that needs', async () => {
  const stage = await stageOf(says('B'), (line, n) =>
    (line.request.body.includes('"two"') ? says('A2') : refuses(503))(line, n),
  );
  expect(tries(await stage.ask())).toHaveLength(2);
  await until('the comparison', () => shadowLines(stage).length === 1);
  expect(counts(stage.asked)).toEqual({ 'a/one': 1, 'a/two': 1, 'b/two': 1 });
  expect(shadowLines(stage)).toMatchObject([{ provider: 'a', model: 'two' }]);
});

it('is left out where too many are under way', async () => {
  const stage = await stageOf(hangs);
  for (let n = 0; n < 20; n++) await stage.ask();
  await until('the shadows', () => counts(stage.asked)['b/two'] === 16);
  expect(await shadows(stage, 'skipped')).toBe(4);
});
