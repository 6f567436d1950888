import { describe, expect, it } from 'vitest';
import { BrokenStreamPolicy } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { chatChunk, type Line } from '../support/upstream.ts';
import { expectCalls, expectPartial, expectQuiet, failedTry, inWords, lastLine } from './outage-checks.ts';
import { outcomes, type Reason } from './outage-row.ts';
import {
  alone,
  byRoute,
  contentOf,
  ending,
  restarting,
  scripted,
  setStage,
  streamed,
  WHOLE,
  withFallback,
} from './outage-stage.ts';
import { aMoment, PARTIAL, type Reply } from './upstream-scene.ts';

interface MidstreamRow {
  readonly row: number;
  readonly what: string;
  readonly reason: Reason;
  /** What the provider does when it has sent some content. */
  readonly fails: (line: Line) => unknown;
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly keeps?: boolean;
}

const rst = ({ socket }: Line) => socket.resetAndDestroy();
const fin = ({ socket }: Line) => socket.end();

/** Sends something, and then breaks off. */
const after =
  (say: (line: Line) => void, end: (line: Line) => unknown): MidstreamRow['fails'] =>
  async (line) => {
    say(line);
    await aMoment();
    end(line);
  };

const drip = (say: (line: Line) => void) => (line: Line) => {
  const timer = setInterval(() => say(line), 20);
  void line.closed.then(() => clearInterval(timer));
};

const halfCharacter = (line: Line) => line.chunk(`data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n`);
const halfToolCall = (line: Line) =>
  line.event(chatChunk({ tool_calls: [{ index: 0, id: 'call-1', function: { name: 'stay', arguments: '{"at":' } }] }));

const IDLE = { timeouts: { idle_ms: 500 } } as const;

const connections: readonly MidstreamRow[] = [
  { row: 2, what: 'a hang', reason: 'UPSTREAM_TIMEOUT', fails: () => undefined, ...IDLE },
  {
    row: 3,
    what: 'a drip of nothing',
    reason: 'UPSTREAM_TIMEOUT',
    fails: drip((line) => line.chunk(': x\n\n')),
    ...IDLE,
  },
  {
    row: 3,
    what: 'a drip of content',
    reason: 'UPSTREAM_TIMEOUT',
    fails: drip((line) => line.text('~')),
    timeouts: { total_ms: 800, first_token_ms: 800, idle_ms: 800, stream_total_ms: 800 },
  },
  { row: 4, what: 'RST', reason: 'UPSTREAM_RESET', fails: rst },
  { row: 4, what: 'RST in a tool call', reason: 'UPSTREAM_RESET', fails: after(halfToolCall, rst) },
  { row: 5, what: 'FIN', reason: 'UPSTREAM_INCOMPLETE', fails: fin },
  {
    row: 5,
    what: 'FIN in a chunk',
    reason: 'UPSTREAM_INCOMPLETE',
    fails: after((line) => line.send('ff\r\ndata: {'), fin),
  },
  {
    row: 5,
    what: 'FIN after the finish reason',
    reason: 'UPSTREAM_INCOMPLETE',
    fails: after((line) => line.event(chatChunk({}, 'stop')), fin),
  },
  {
    row: 6,
    what: 'a clean end without an end mark',
    reason: 'UPSTREAM_INCOMPLETE',
    fails: (line) => line.endStream(),
    keeps: true,
  },
  {
    row: 7,
    what: 'an event of truncated JSON',
    reason: 'UPSTREAM_BAD_RESPONSE',
    fails: (line) => line.chunk('data: {"choices":[{"delta":\n\n'),
  },
  {
    row: 11,
    what: 'RST between two halves of a character',
    reason: 'UPSTREAM_RESET',
    fails: after(halfCharacter, rst),
  },
  {
    row: 12,
    what: 'an event without an end',
    reason: 'UPSTREAM_TOO_LARGE',
    fails: (line) => line.pour(`10000\r\n${'x'.repeat(0x10000)}\r\n`),
  },
  { row: 21, what: 'a bad chunk', reason: 'UPSTREAM_BAD_RESPONSE', fails: (line) => line.send('nonsense\r\n') },
];

const errors: readonly (readonly [string, Reason])[] = [
  ['rate_limit_exceeded', 'UPSTREAM_RATE_LIMITED'],
  ['insufficient_quota', 'UPSTREAM_BILLING'],
  ['invalid_api_key', 'UPSTREAM_AUTH'],
  ['server_error', 'UPSTREAM_ERROR'],
  ['overloaded_error', 'UPSTREAM_OVERLOADED'],
  ['context_length_exceeded', 'CONTEXT_LENGTH_EXCEEDED'],
  ['invalid_request_error', 'UPSTREAM_REJECTED'],
  ['content_filter', 'CONTENT_BLOCKED'],
];

const rows: readonly MidstreamRow[] = [
  ...connections,
  ...errors.map(
    ([code, reason]): MidstreamRow => ({
      row: 13,
      what: `the error ${code}`,
      reason,
      fails: (line) => line.event({ error: { code, message: 'It broke.' } }),
    }),
  ),
];

const beginAnd = (fails: MidstreamRow['fails']) =>
  scripted(async (line) => {
    line.startStream();
    line.text(PARTIAL);
    await aMoment();
    await fails(line);
  });

const stageOf = async ({ fails, ...row }: MidstreamRow) =>
  setStage(await beginAnd(fails), { limits: { max_event_bytes: 64 * 1024, max_response_bytes: 256 * 1024 }, ...row });

const restarts = (reply: Reply) =>
  streamed(reply).flatMap(({ event }) => (event.case === 'restart' ? [event.value] : []));

describe('a stream that breaks off after some of it has gone out', () => {
  it.each(rows)('row $row: $what: fails, and no other provider is asked', async (row) => {
    const stage = await stageOf(row);
    const reply = await stage.ask('stream', withFallback);
    expectPartial(reply, row.reason);
    expect(reply.error?.callFailure?.attempts).toMatchObject([failedTry(row.reason, '')]);
    expectCalls(stage, { first: 1, second: 0 });
    expect(lastLine(stage)).toMatchObject({ error_reason: row.reason, attempts: 1, tokens_estimated: true });
    await expectQuiet(stage, row);
  });

  const going = rows.filter(({ reason }) => outcomes[reason].moves);
  const staying = rows.filter(({ reason }) => !outcomes[reason].moves);

  it.each(going)('row $row: $what: is begun anew by the second one if the caller wants that', async (row) => {
    const stage = await stageOf(row);
    const reply = await stage.ask('stream', { ...byRoute, ...restarting });
    expect(reply.error).toBeUndefined();
    expect(checkEvents(streamed(reply))).toBeUndefined();
    expect(restarts(reply)).toMatchObject([{ provider: 'second', model: 'two', reason: ErrorReason[row.reason] }]);
    expect(contentOf(reply)).toEqual(WHOLE);
    const left = failedTry(row.reason, `${inWords(row.reason)}: went on to second/two`);
    expect(ending(reply)).toMatchObject({
      provider: 'second',
      model: 'two',
      attempts: [
        { ...left, usage: { estimated: true } },
        { provider: 'second', model: 'two', status: 0, leftBecause: '' },
      ],
    });
    expectCalls(stage, { first: 1, second: 1 });
    expect(lastLine(stage)).toMatchObject({ status: 'OK', provider: 'second', attempts: 2, fallbacks: 1 });
    await expectQuiet(stage, row);
  });

  it.each(staying)('row $row: $what: fails even so, since no other would do better', async (row) => {
    const stage = await stageOf(row);
    const reply = await stage.ask('stream', { ...byRoute, ...restarting });
    expectPartial(reply, row.reason);
    expect(restarts(reply)).toEqual([]);
    expectCalls(stage, { first: 1, second: 0 });
    await expectQuiet(stage, row);
  });

  it('rows 2 to 13: fails if nobody is left to begin anew', async () => {
    const stage = await setStage(await beginAnd(rst));
    const reply = await stage.ask('stream', { ...alone, ...restarting });
    expectPartial(reply, 'UPSTREAM_RESET');
    expect(restarts(reply)).toEqual([]);
    expectCalls(stage, { first: 1, second: 0 });
    await expectQuiet(stage);
  });

  it('rows 2 to 13: fails with what has come if the second one says nothing', async () => {
    const stage = await setStage(await beginAnd(rst), {}, (line) => line.json(500, { error: { message: 'No.' } }));
    const reply = await stage.ask('stream', { ...byRoute, ...restarting });
    expect(reply.error?.errorInfo).toMatchObject({ reason: 'UPSTREAM_ERROR', metadata: { provider: 'second' } });
    expect(restarts(reply)).toEqual([]);
    expect(contentOf(reply)).toMatchObject([{ part: { value: PARTIAL } }]);
    expect(reply.error?.callFailure).toMatchObject({
      attempts: [failedTry('UPSTREAM_RESET'), ...Array.from({ length: 4 }, () => ({ provider: 'second' }))],
      usage: { estimated: true },
    });
    await expectQuiet(stage);
  });

  it('rows 2 to 13: fails as any other if it breaks off again after it was begun anew', async () => {
    const stage = await setStage(await beginAnd(rst), {}, async (line) => {
      line.startStream();
      line.text('Once ');
      line.text('more.');
      await aMoment();
      rst(line);
    });
    const reply = await stage.ask('stream', { ...byRoute, ...restarting });
    expect(reply.error?.errorInfo).toMatchObject({ reason: 'UPSTREAM_RESET', metadata: { provider: 'second' } });
    expect(restarts(reply)).toHaveLength(1);
    expect(contentOf(reply)).toMatchObject([{ part: { value: 'Once more.' } }]);
    expectCalls(stage, { first: 1, second: 1 });
  });

  it('rows 2 to 13: is begun anew only where that was asked for', async () => {
    for (const onBrokenStream of [BrokenStreamPolicy.UNSPECIFIED, BrokenStreamPolicy.FAIL]) {
      const stage = await setStage(await beginAnd(rst));
      expectPartial(await stage.ask('stream', { ...byRoute, onBrokenStream }), 'UPSTREAM_RESET');
      expectCalls(stage, { first: 1, second: 0 });
      await expectQuiet(stage);
    }
  });

  it('rows 2 to 13: has broken off for nobody who does not stream: it is tried again like any other', async () => {
    const stage = await setStage(
      await scripted((line) => {
        line.send('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id":"x",');
        rst(line);
      }),
    );
    const reply = await stage.ask('unary', { ...byRoute, ...restarting });
    expect(contentOf(reply)).toEqual(WHOLE);
    expectCalls(stage, { first: 2, second: 1 });
    await expectQuiet(stage);
  });
});
