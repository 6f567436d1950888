import { describe, expect, it } from 'vitest';
import { BrokenStreamPolicy, FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import type { Script } from '../../support/upstream.ts';
import { type ChatAnswer, gives, refuses, says } from './answers.ts';
import {
  type Asked,
  contentOf,
  counts,
  type Door,
  events,
  from,
  type How,
  hows,
  metric,
  said,
  setStage,
  tries,
  whole,
} from './stage.ts';

type Cause = 'truncated' | 'refused' | 'empty' | 'schema';

const schema = '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}';
const format = { format: { case: 'jsonSchema' as const, value: { name: 'n', schema } } };
const shaped: Asked = { responseFormat: format };

interface Row {
  readonly cause: Cause;
  readonly poor: ChatAnswer;
  readonly because: string;
  /** What a stream gets of it before it is judged: nothing, if it is judged in time. */
  readonly isSeen: boolean;
  readonly asked?: Asked;
}

const rows: readonly Row[] = [
  {
    cause: 'truncated',
    poor: { content: 'Half an', finish: 'length' },
    because: 'the answer was cut off',
    isSeen: true,
  },
  { cause: 'refused', poor: { refusal: 'I cannot.' }, because: 'the answer was refused', isSeen: true },
  { cause: 'refused', poor: { finish: 'content_filter' }, because: 'the answer was refused', isSeen: false },
  { cause: 'empty', poor: { content: '' }, because: 'the answer was empty', isSeen: false },
  {
    cause: 'schema',
    poor: { content: 'n is 1' },
    because: 'the answer did not have the shape that was asked for',
    isSeen: true,
    asked: shaped,
  },
];

const price = (input: number, output: number) => ({
  price: { input_usd_per_million: input, output_usd_per_million: output },
});

const fileFor = (on: readonly Cause[], to: unknown = ['b/two']) => ({
  routing: {
    routes: { strong: { targets: ['b/two', 'c/two'] } },
    rules: [{ name: 'hard', match: {}, targets: ['a/one'], escalate: { on, to } }],
  },
  catalogue: { models: { 'a/one': price(1, 2), 'b/two': price(10, 20) } },
});

const GOOD = '{"n":1}';

const stageOf = (poor: Script, on: readonly Cause[], strong: Script = says(GOOD), to?: unknown) =>
  setStage({ a: poor, b: strong, c: says(GOOD) }, { file: fileFor(on, to) });

const { RESTART } = BrokenStreamPolicy;

/** Every way in which a second answer can take the place of the first. */
const ways: readonly (readonly [How, Door, Asked])[] = [
  ['unary', 'gRPC', {}],
  ['unary', 'Connect', {}],
  ['stream', 'gRPC', { onBrokenStream: RESTART }],
  ['stream', 'Connect', { onBrokenStream: RESTART }],
];

describe.each(rows)('an answer that is $cause: $poor', ({ cause, poor, because, isSeen, asked = {} }) => {
  it.each(ways)('is replaced by that of a stronger model (%s, %s)', async (how, door, restarting) => {
    const stage = await stageOf(gives(poor), [cause]);
    const reply = await stage.ask({ ...asked, ...restarting }, { how, door });
    expect(from(reply)).toBe('b/two');
    expect(contentOf(reply)).toMatchObject([{ part: { case: 'text', value: GOOD } }]);
    expect(tries(reply)).toEqual([`a/one: ${because}`, 'b/two: ']);
    const { cost, usage, selectionReason, finishReason } = whole(reply);
    // 7 tokens in and 3 out: 13 thousand-millionths of 1,000 dollars at the first one, and ten times that at the other.
    expect(cost).toMatchObject({ totalNanoUsd: 143_000n, inputNanoUsd: 70_000n, otherAttemptsNanoUsd: 13_000n });
    expect(usage).toMatchObject({ inputTokens: 7n, outputTokens: 3n });
    expect(finishReason).toBe(FinishReason.STOP);
    expect(selectionReason).toBe(`rule hard: route hard by priority; then a stronger model, since ${because}`);
    if (how === 'stream') expect(events(reply).includes('restart')).toBe(isSeen);
    expect(await metric(stage, 'llm_escalations_total', ['provider="a"', `cause="${cause}"`])).toBe(1);
  });

  it('stays, if it has gone to a caller who does not want it voided', async () => {
    const stage = await stageOf(gives(poor), [cause]);
    const reply = await stage.ask(asked, { how: 'stream' });
    expect(from(reply)).toBe(isSeen ? 'a/one' : 'b/two');
    expect(events(reply)).not.toContain('restart');
    expect(stage.asked).toEqual(isSeen ? ['a/one'] : ['a/one', 'b/two']);
  });

  it.each(hows)('stays, if that is no cause here (%s)', async (how) => {
    const others = (['truncated', 'refused', 'empty', 'schema'] as const).filter((each) => each !== cause);
    // A refusal without a word, and an answer that is not of the shape, are nothing else.
    const stage = await stageOf(gives(poor), others);
    const reply = await stage.ask({ ...asked, onBrokenStream: RESTART }, { how });
    if (poor.finish === 'content_filter') return expect(from(reply)).toBe('b/two');
    expect(from(reply)).toBe('a/one');
    expect(stage.asked).toEqual(['a/one']);
  });

  it.each(ways)('counts after all, if the stronger model fails (%s, %s)', async (how, door, restarting) => {
    const stage = await stageOf(gives(poor), [cause], refuses(503));
    const reply = await stage.ask({ ...asked, ...restarting }, { how, door });
    expect(from(reply)).toBe('a/one');
    expect(tries(reply)).toEqual(['a/one: ', expect.stringMatching(/^b\/two: /)]);
    const { finish, content, refusal } = poor;
    if (finish) expect(whole(reply).providerFinishReason).toBe(finish);
    expect(said(reply)).toBe(content ?? '');
    expect(contentOf(reply).some(({ part }) => part.case === 'refusal')).toBe(refusal !== undefined);
    expect(whole(reply).cost).toMatchObject({ totalNanoUsd: 13_000n, otherAttemptsNanoUsd: 0n });
  });
});

it('goes on to the next of several stronger models, and to none that was tried', async () => {
  const stage = await stageOf(gives({ content: '' }), ['empty'], refuses(503), 'strong');
  expect(from(await stage.ask())).toBe('c/two');
  expect(stage.asked).toEqual(['a/one', 'b/two', 'c/two']);
});

it('asks once: a second answer that is no better does not bring a third', async () => {
  const worse = await stageOf(
    gives({ content: 'Half', finish: 'length' }),
    ['truncated'],
    gives({ content: '' }),
    'strong',
  );
  const reply = await worse.ask();
  expect(from(reply)).toBe('a/one');
  expect(tries(reply)).toEqual(['a/one: ', 'b/two: the first answer was better']);
  expect(whole(reply).cost).toMatchObject({ totalNanoUsd: 143_000n, otherAttemptsNanoUsd: 130_000n });
  const same = await stageOf(gives({ content: '' }), ['empty'], gives({ content: '' }), 'strong');
  expect(from(await same.ask())).toBe('b/two');
  expect(counts(same.asked)).toEqual({ 'a/one': 1, 'b/two': 1 });
});

it('leaves good answers alone', async () => {
  const all = ['truncated', 'refused', 'empty', 'schema'] as const;
  const stage = await stageOf(says(GOOD), all);
  for (const how of hows) expect(from(await stage.ask(shaped, { how }))).toBe('a/one');
  expect(counts(stage.asked)).toEqual({ 'a/one': 2 });
});
