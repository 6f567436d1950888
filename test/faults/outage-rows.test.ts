import { describe, expect, it } from 'vitest';
import { checkEvents } from '../../src/core/events.ts';
import { expectCalls, expectFailed, expectQuiet, failedTries, inWords, lastLine } from './outage-checks.ts';
import { type OutageRow, outcomes } from './outage-row.ts';
import { connectionRows } from './outage-rows-connection.ts';
import { replyRows } from './outage-rows-reply.ts';
import {
  alone,
  byRoute,
  contentOf,
  ending,
  type Stage,
  setStage,
  streamed,
  WHOLE,
  withFallback,
} from './outage-stage.ts';
import { HOWS, type How } from './upstream-scene.ts';

const cases = [...connectionRows, ...replyRows]
  .sort((one, other) => one.row - other.row)
  .flatMap((row) => (row.hows ?? HOWS).map((how) => ({ ...row, how })));

/** A stage where the row's trouble begins with the next call; and how often the first provider was called until then. */
async function stageOf(row: OutageRow, how: How): Promise<{ stage: Stage; before: number }> {
  const stage = await setStage(await row.begin(), row);
  if (row.afterOther) expect((await stage.ask(how, alone)).error).toBeUndefined();
  return { stage, before: stage.first.calls ?? 0 };
}

describe('a provider that fails, with no other behind it', () => {
  it.each(cases)('row $row: $what, $how', async ({ how, ...row }) => {
    const { stage, before } = await stageOf(row, how);
    const tries = outcomes[row.reason].alone;
    const reply = await stage.ask(how, alone);
    expectFailed(reply, row.reason, tries);
    expect(reply.messages).toEqual([]);
    expectCalls(stage, { first: tries + (row.extra ?? 0), second: 0 }, before);
    expect(lastLine(stage)).toMatchObject({ error_reason: row.reason, provider: 'first', attempts: tries });
    await expectQuiet(stage, row);
  });
});

describe('a provider that fails, with another one behind it', () => {
  const going = cases.filter(({ reason }) => outcomes[reason].moves);
  const staying = cases.filter(({ reason }) => !outcomes[reason].moves);

  // Each way to name the second one is taken by half of the cases.
  it.each(going)('row $row: $what: the second one answers, $how', async ({ how, ...row }) => {
    const { stage, before } = await stageOf(row, how);
    const tries = outcomes[row.reason].before;
    const reply = await stage.ask(how, how === 'unary' ? withFallback : byRoute);
    expect(reply.error).toBeUndefined();
    expect(contentOf(reply)).toEqual(WHOLE);
    if (how === 'stream') expect(checkEvents(streamed(reply))).toBeUndefined();
    const left = failedTries(row.reason, tries, `${inWords(row.reason)}: went on to second/two`);
    expect(ending(reply)).toMatchObject({
      provider: 'second',
      model: 'two',
      attempts: [...left, { provider: 'second', model: 'two', status: 0, leftBecause: '' }],
    });
    expectCalls(stage, { first: tries + (row.extra ?? 0), second: 1 }, before);
    expect(lastLine(stage)).toMatchObject({ status: 'OK', provider: 'second', attempts: tries + 1, fallbacks: 1 });
    await expectQuiet(stage, row);
  });

  it.each(staying)('row $row: $what: the second one is not asked, $how', async ({ how, ...row }) => {
    const { stage, before } = await stageOf(row, how);
    const reply = await stage.ask(how, how === 'unary' ? withFallback : byRoute);
    expectFailed(reply, row.reason, 1);
    expect(reply.messages).toEqual([]);
    expectCalls(stage, { first: 1, second: 0 }, before);
    await expectQuiet(stage, row);
  });
});
