import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kindOf } from '../support/recorded.ts';
import { type Exchange, loadRecordings, recordingsDir } from '../support/recordings.ts';
import { expectSameFailure, reasonOf, toldWaitMs } from './recordings/failures.ts';
import { official } from './recordings/official.ts';
import { type OurReader, type Ours, startOurs } from './recordings/ours.ts';
import type { ReadFailure, Reading } from './recordings/reading.ts';
import { type Replay, startReplay } from './recordings/replay.ts';
import { differences, refusals, waits } from './recordings/statements.ts';
import { type Judged, verdictTable } from './recordings/table.ts';

const all = loadRecordings();
/** A listing of models is no answer: what the gateway reads of those is tested with the catalogue. */
const exchanges = all.filter(({ endpoint }) => endpoint !== 'models');

let replay: Replay;
let ours: OurReader;
const judged: Judged[] = [];

/** Where each wire format is asked for an answer. */
const paths: Readonly<Record<Exchange['endpoint'], RegExp>> = {
  chat: /\/chat\/completions$/,
  responses: /\/responses$/,
  messages: /\/messages$/,
  generate: /\/models\/[^/]+:(?:streamG|g)enerateContent$/,
  models: /\/models$/,
};

/** The gateway makes up an id where the provider gave none, so that the result can be sent. */
function withGivenIds(reading: Reading, { toolCalls: given }: Reading): Reading {
  for (const { id } of reading.toolCalls) expect(id).not.toBe('');
  expect(new Set(reading.toolCalls.map(({ id }) => id)).size).toBe(reading.toolCalls.length);
  return {
    ...reading,
    toolCalls: reading.toolCalls.map((call, i) => ({ ...call, id: given[i]?.id === '' ? '' : call.id })),
  };
}

function judgeRefusal({ id }: Exchange, both: readonly Ours[]): Omit<Judged, 'exchange'> {
  for (const one of both) {
    if ('reading' in one) expect.fail('it is stated to be refused, and was taken for an answer');
    expect(reasonOf(one.error)).toBe(refusals[id]?.reason);
  }
  return { verdict: 'refused', because: refusals[id]?.because ?? '' };
}

function judgeFailure({ id }: Exchange, expected: ReadFailure, both: readonly Ours[]): Omit<Judged, 'exchange'> {
  const wait = waits[id];
  for (const one of both) {
    if ('reading' in one) expect.fail(`the package throws ${expected.thrown}: ${expected.message}`);
    if (wait) {
      expect(expected.retryMs).toBeUndefined();
      expect(toldWaitMs(one.error)).toBe(wait.waitMs);
    }
    expectSameFailure(one.error, wait ? { ...expected, retryMs: wait.waitMs } : expected);
  }
  return wait ? { verdict: 'differing', because: wait.because } : { verdict: 'agreed', because: '' };
}

function judgeReading({ id }: Exchange, expected: Reading, both: readonly Ours[]): Omit<Judged, 'exchange'> {
  const difference = differences[id];
  for (const one of both) {
    if ('error' in one) expect.fail(`${reasonOf(one.error)}: ${one.error.message}`);
    const reading = withGivenIds(one.reading, expected);
    if (difference) expect(reading, 'there is no difference any more').not.toEqual(expected);
    expect(reading).toEqual(difference?.apply(expected, reading) ?? expected);
  }
  return difference ? { verdict: 'differing', because: difference.because } : { verdict: 'agreed', because: '' };
}

describe.skipIf(recordingsDir === undefined)('recorded traffic, against the official packages', () => {
  beforeAll(async () => {
    replay = await startReplay();
    ours = await startOurs(exchanges, replay.url);
  });

  afterAll(async () => {
    await ours.close();
    replay.close();
    process.stdout.write(verdictTable(judged));
  });

  it.each(exchanges.map((one) => [one.id, one] as const))('%s', async (id, exchange) => {
    replay.show(exchange);
    const expected = await official(exchange, replay.url);
    replay.show(exchange);
    const both = [await ours.unary(exchange), await ours.stream(exchange)];
    expect(replay.paths).toHaveLength(2);
    for (const path of replay.paths) expect(path).toMatch(paths[exchange.endpoint]);
    const verdict = refusals[id]
      ? judgeRefusal(exchange, both)
      : 'failure' in expected
        ? judgeFailure(exchange, expected.failure, both)
        : judgeReading(exchange, expected.reading, both);
    judged.push({ exchange, ...verdict });
  });

  it('leaves out no recording but the listings of models', () => {
    const listings = all.filter(({ endpoint }) => endpoint === 'models');
    expect(judged.map(({ exchange }) => exchange.id)).toEqual(exchanges.map(({ id }) => id));
    expect(judged.length + listings.length).toBe(all.length);
    expect(exchanges.length).toBeGreaterThan(200);
  });

  it('asks each provider as the kind that it is', () => {
    const named = exchanges.filter(({ provider }) => !provider.startsWith('openai_compatible:'));
    expect(new Set(named.map(kindOf))).toEqual(new Set(named.map(({ provider }) => provider)));
  });

  it('states nothing of recordings that are not there', () => {
    const ids = new Set(exchanges.map(({ id }) => id));
    const stated = [differences, refusals, waits].flatMap((table) => Object.keys(table));
    expect(stated.filter((id) => !ids.has(id))).toEqual([]);
    expect(new Set(stated).size).toBe(stated.length);
  });
});

if (recordingsDir === undefined)
  process.stderr.write('RECORDINGS_DIR is not set: the tests over recorded traffic are skipped.\n');
