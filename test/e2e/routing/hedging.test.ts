import { describe, expect, it } from 'vitest';
import { BrokenStreamPolicy } from '#gen/antiphon/v1/completion_pb.js';
import { until } from '../../support/scene.ts';
import type { Line, Script } from '../../support/upstream.ts';
import { breaksOff, hangs, later, refuses, says } from './answers.ts';
import {
  contentOf,
  type Door,
  events,
  from,
  type How,
  hows,
  metric,
  type Stage,
  said,
  setStage,
  tries,
  whole,
} from './stage.ts';

const price = (input: number, output: number) => ({
  price: { input_usd_per_million: input, output_usd_per_million: output },
});

const AFTER_MS = 25;

const fileWith = (max = 1, targets = ['a/one', 'b/one', 'c/one'], afterMs = AFTER_MS) => ({
  routing: { rules: [{ name: 'hasty', match: {}, targets, hedge: { after_ms: afterMs, max } }] },
  catalogue: { models: { 'a/one': price(4, 8), 'b/one': price(1, 2) } },
});

const ways: readonly (readonly [How, Door])[] = [
  ['unary', 'gRPC'],
  ['stream', 'gRPC'],
  ['unary', 'Connect'],
  ['stream', 'Connect'],
];

const hedges = (stage: Stage, provider: string, result: 'won' | 'lost') =>
  metric(stage, 'llm_hedges_total', [`provider="${provider}"`, `result="${result}"`]);

describe.each(ways)('a call that waits too long (%s, %s)', (how, door) => {
  it('gets the answer of a second try, and the first one is ended, recorded and paid by estimate', async () => {
    const stage = await setStage({ a: hangs, b: says('Quick.') }, { file: fileWith(1, ['a/one', 'b/one']) });
    const reply = await stage.ask({}, { how, door });
    expect(from(reply)).toBe('b/one');
    expect(said(reply)).toBe('Quick.');
    await stage.closed('a');
    expect(tries(reply)).toEqual(['a/one: another try was faster', 'b/one: ']);
    const { cost, attempts, usage } = whole(reply);
    // "hello" is 2 tokens by estimate, at 4,000 each; the answer is 7 in and 3 out, at 1,000 and 2,000.
    expect(cost).toMatchObject({ totalNanoUsd: 21_000n, inputNanoUsd: 7_000n, otherAttemptsNanoUsd: 8_000n });
    expect(usage).toMatchObject({ totalTokens: 10n, estimated: false });
    expect(attempts[0]).toMatchObject({ usage: { inputTokens: 2n, estimated: true }, cost: { totalNanoUsd: 8_000n } });
    expect(await hedges(stage, 'b', 'won')).toBe(1);
    expect(await metric(stage, 'llm_active_requests', ['provider="a"'])).toBe(0);
  });

  it('gets that of the first one, if it comes first, and the second one is ended', async () => {
    const second: Line[] = [];
    const b: Script = (line) => void second.push(line);
    const a: Script = async (line, n) => {
      await until('the second try', () => second.length > 0);
      return says('Slow.')(line, n);
    };
    const stage = await setStage({ a, b }, { file: fileWith(1, ['a/one', 'b/one']) });
    const reply = await stage.ask({}, { how, door });
    expect(from(reply)).toBe('a/one');
    expect(tries(reply)).toEqual(['a/one: ', 'b/one: another try was faster']);
    await stage.closed('b');
    expect(whole(reply).cost).toMatchObject({ totalNanoUsd: 54_000n, otherAttemptsNanoUsd: 2_000n });
    expect(await hedges(stage, 'b', 'lost')).toBe(1);
  });
});

describe.each(hows)('hedging (%s)', (how) => {
  it('sends nothing if the answer comes in time', async () => {
    const stage = await setStage({ a: says('A'), b: says('B') }, { file: fileWith(1, ['a/one', 'b/one'], 10_000) });
    for (let n = 0; n < 5; n++) await stage.ask({}, { how });
    expect(new Set(stage.asked)).toEqual(new Set(['a/one']));
  });

  it('sends no more than max, each to another model', async () => {
    const stage = await setStage({ a: hangs, b: hangs, c: says('C') }, { file: fileWith(2) });
    const reply = await stage.ask({}, { how });
    expect(from(reply)).toBe('c/one');
    expect(stage.asked).toEqual(['a/one', 'b/one', 'c/one']);
    await stage.closed('a');
    await stage.closed('b');
  });

  it('keeps to max', async () => {
    const b = later(4 * AFTER_MS, says('B'));
    const stage = await setStage({ a: hangs, b, c: says('C') }, { file: fileWith(1) });
    const call = stage.ask({}, { how });
    expect(from(await call)).toBe('b/one');
    expect(stage.asked).toEqual(['a/one', 'b/one']);
  });

  it('respects the retry budget', async () => {
    const retry = { max_retries: 0, budget_percent: 0, budget_floor: 0 };
    const stage = await setStage(
      { a: later(4 * AFTER_MS, says('A')), b: says('B') },
      { file: { ...fileWith(1, ['a/one', 'b/one']), retry } },
    );
    expect(from(await stage.ask({}, { how }))).toBe('a/one');
    expect(stage.asked).toEqual(['a/one']);
    expect(await metric(stage, 'llm_retry_budget_exhausted_total', ['provider="b"'])).toBe(1);
  });

  it('tries a sole model again', async () => {
    const stage = await setStage(
      { a: (line, n) => (n === 0 ? undefined : says('A')(line, n)) },
      { file: fileWith(1, ['a/one']) },
    );
    const reply = await stage.ask({}, { how });
    expect(tries(reply)).toEqual(['a/one: another try was faster', 'a/one: ']);
    expect(stage.asked).toEqual(['a/one', 'a/one']);
  });

  it('goes on to what is left if all tries fail', async () => {
    const fails = later(2 * AFTER_MS, refuses(503));
    const stage = await setStage({ a: fails, b: fails, c: says('C') }, { file: fileWith(1) });
    expect(from(await stage.ask({}, { how }))).toBe('c/one');
    expect(stage.asked).toEqual(['a/one', 'b/one', 'c/one']);
  });

  it('ends all tries when the caller leaves', async () => {
    const stage = await setStage({ a: hangs, b: hangs, c: hangs }, { file: fileWith(2) });
    const abort = new AbortController();
    const call = stage.ask({}, { how, signal: abort.signal });
    await until('all tries', () => stage.asked.length === 3);
    abort.abort();
    await call;
    for (const name of ['a', 'b', 'c']) await stage.closed(name);
  });
});

it('a stream that breaks off goes on to a model that was not tried, before one that was slow', async () => {
  const onBrokenStream = BrokenStreamPolicy.RESTART;
  const stage = await setStage({ a: hangs, b: breaksOff('On the one'), c: says('C') }, { file: fileWith(1) });
  const reply = await stage.ask({ onBrokenStream }, { how: 'stream', timeoutMs: 8_000 });
  expect(stage.asked).toEqual(['a/one', 'b/one', 'c/one']);
  expect(events(reply)).toEqual(['start', 'textDelta', 'restart', 'textDelta', 'completed']);
  expect(said(reply)).toBe('C');
});

it('a stream is given by one model alone, whichever began first', async () => {
  const both: Line[] = [];
  const begin: Script = (line) => {
    both.push(line);
    if (both.length < 2) return;
    for (const each of both) each.startStream();
    for (const [i, each] of both.entries()) each.text(`${i} says `);
    setTimeout(() => {
      for (const [i, each] of both.entries()) {
        each.text(`${i}.`);
        each.finish();
      }
    }, 20);
  };
  const stage = await setStage({ a: begin, b: begin }, { file: fileWith(1, ['a/one', 'b/one']) });
  const reply = await stage.ask({}, { how: 'stream' });
  expect(['0 says 0.', '1 says 1.']).toContain(said(reply));
  expect(said(reply)[0]).toBe(from(reply) === 'a/one' ? '0' : '1');
  expect(events(reply)).toEqual(['start', 'textDelta', 'textDelta', 'completed']);
  expect(contentOf(reply)).toHaveLength(1);
});
