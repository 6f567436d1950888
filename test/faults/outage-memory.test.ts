import { durationMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Priority } from '#gen/antiphon/v1/completion_pb.js';
import { until } from '../support/scene.ts';
import type { Line } from '../support/upstream.ts';
import { expectOver, lastLine } from './outage-checks.ts';
import { alone, scripted, setStage } from './outage-stage.ts';
import { answer, type Reply, textOf } from './upstream-scene.ts';

const { LOW, NORMAL, HIGH } = Priority;

const isEnded = ({ error }: Reply): boolean => error?.errorInfo?.reason === 'OVERLOADED';

test('row 79: when memory is short, calls are refused, those of low priority first', async () => {
  const use = { share: 0.5 };
  const first = await scripted((line) => answer(line));
  const stage = await setStage(first, { memory: () => use.share });
  const refused = async () => {
    const replies = await Promise.all(
      [LOW, NORMAL, HIGH].map((priority) => stage.ask('unary', { ...alone, priority })),
    );
    return replies.map(isEnded);
  };
  const ladder: readonly (readonly [number, readonly boolean[]])[] = [
    [0.5, [false, false, false]],
    [0.86, [true, false, false]],
    [0.91, [true, true, false]],
    [0.96, [true, true, true]],
    [0.5, [false, false, false]],
  ];
  let calls = 0;
  for (const [share, expected] of ladder) {
    use.share = share;
    await until(`${expected}`, async () => String(await refused()) === String(expected));
    const gauge = `\nllm_memory_used_ratio ${share}\n`;
    await until('memory to be looked at', async () => (await stage.gateway.metrics()).includes(gauge));
    calls = first.calls ?? 0;
    expect(await refused()).toEqual(expected);
    expect(first.calls).toBe(calls + expected.filter((isRefused) => !isRefused).length);
  }
  use.share = 0.96;
  await until('all to be refused', async () => isEnded(await stage.ask('unary', { ...alone, priority: HIGH })));
  const { error } = await stage.ask('stream', { ...alone, priority: HIGH });
  expect(error).toMatchObject({ code: 8, errorInfo: { reason: 'OVERLOADED' } });
  const waitMs = error?.retryInfo?.retryDelay && durationMs(error.retryInfo.retryDelay);
  expect(waitMs).toBeGreaterThanOrEqual(1_000);
  expect(waitMs).toBeLessThanOrEqual(3_000);
  expect(lastLine(stage)).toMatchObject({ error_reason: 'OVERLOADED', status: 'RESOURCE_EXHAUSTED' });
  await expectOver(stage);
});

/** What each of five streams has sent so far. */
const WEIGHTS = ['light', 'x'.repeat(300_000), 'as light', 'x'.repeat(200_000), 'lighter'];

test('row 79: when it runs out, calls under way are ended, the heaviest first, as long as that is so', async () => {
  const use = { share: 0.5 };
  const held: Line[] = [];
  const first = await scripted((line, n) => {
    const text = WEIGHTS[n];
    if (text === undefined) return answer(line);
    line.startStream();
    line.text(text);
    held.push(line);
  });
  const stage = await setStage(first, { memory: () => use.share });
  const ended: number[] = [];
  const replies: Promise<Reply>[] = [];
  for (const i of WEIGHTS.keys()) {
    const reply = stage.ask('stream', alone).then((reply) => {
      if (isEnded(reply)) ended.push(i);
      // When two have gone, there is enough again.
      if (ended.length === 2) use.share = 0.5;
      return reply;
    });
    replies.push(reply);
    await until('it to have begun', () => held.length === i + 1);
  }
  use.share = 0.99;
  await until('two to be ended', () => ended.length === 2);
  await until('their connections to be closed', () => first.open === WEIGHTS.length - 2);
  await until('calls to be taken again', async () => !isEnded(await stage.ask('unary', alone)));
  for (const line of held) line.finish();
  for (const [i, { error, messages }] of (await Promise.all(replies)).entries()) {
    expect(textOf(messages)).toBe(WEIGHTS[i]);
    if (!ended.includes(i)) expect(error).toBeUndefined();
    else
      expect(error).toMatchObject({
        code: 8,
        errorInfo: { reason: 'OVERLOADED' },
        callFailure: { usage: { estimated: true } },
      });
  }
  expect(ended).toEqual([1, 3]);
  expect(await stage.gateway.metrics()).toMatch(/^llm_calls_ended_for_memory_total(?:\{\})? 2$/m);
  await expectOver(stage);
});
