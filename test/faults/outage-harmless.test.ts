import { describe, expect, it } from 'vitest';
import { checkEvents } from '../../src/core/events.ts';
import { chatChunk, type Line } from '../support/upstream.ts';
import { expectCalls, expectQuiet } from './outage-checks.ts';
import { byRoute, contentOf, ending, isStream, scripted, setStage, streamed } from './outage-stage.ts';
import { answer, HOWS, type How } from './upstream-scene.ts';

const TEXT = 'aß東🗼😀';

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;

const STREAM = [...TEXT].map((content) => data(chatChunk({ content }))).join('') + data(chatChunk({}, 'stop'));

/** These bytes, cut like this. */
function play(line: Line, bytes: Uint8Array, length = bytes.length): void {
  line.startStream();
  for (let at = 0; at < bytes.length; at += length) line.chunk(bytes.subarray(at, at + length));
  line.endStream();
}

interface HarmlessRow {
  readonly row: number;
  readonly what: string;
  readonly play: (line: Line) => void;
  readonly hows?: readonly How[];
  /** Default: as it was sent. */
  readonly text?: string;
}

const halves = [...TEXT].flatMap((character) => [...character].flatMap((one) => one.split('')));
const inHalves = halves.map((half) => data(chatChunk({ content: half }))).join('') + data(chatChunk({}, 'stop'));
const bad = Buffer.concat([Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"a'), Buffer.from([0xff])]);

const stream = (play: HarmlessRow['play']) => ({ play, hows: ['stream'] }) as const;

const rows: readonly HarmlessRow[] = [
  { row: 8, what: 'single bytes', ...stream((line) => play(line, Buffer.from(STREAM), 1)) },
  { row: 9, what: 'characters cut anywhere', ...stream((line) => play(line, Buffer.from(STREAM), 3)) },
  {
    row: 9,
    what: 'bytes that are no character',
    text: 'a\ufffd',
    ...stream((line) => play(line, Buffer.concat([bad, Buffer.from(`"}}]}\n\n${data(chatChunk({}, 'stop'))}`)]))),
  },
  { row: 10, what: 'lone CR', ...stream((line) => play(line, Buffer.from(STREAM.replaceAll('\n', '\r')))) },
  { row: 10, what: 'CR LF', ...stream((line) => play(line, Buffer.from(STREAM.replaceAll('\n', '\r\n')), 5)) },
  { row: 10, what: 'a byte order mark', ...stream((line) => play(line, Buffer.from(`\ufeff${STREAM}`))) },
  {
    row: 10,
    what: 'comments, and a last event that is none',
    ...stream((line) => play(line, Buffer.from(`${STREAM.replaceAll('\n\n', '\n\n: x\n\n')}data: {"choices":[{}`))),
  },
  { row: 11, what: 'halves of characters', ...stream((line) => play(line, Buffer.from(inHalves))) },
  {
    row: 20,
    what: 'early answers',
    play(line) {
      line.send('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n');
      answer(line, TEXT);
    },
  },
  {
    row: 26,
    what: 'the encoding identity',
    play(line) {
      if (isStream(line)) return answer(line, TEXT);
      const message = { role: 'assistant', content: TEXT };
      line.json(200, { choices: [{ index: 0, message, finish_reason: 'stop' }] }, { 'content-encoding': 'identity' });
    },
  },
];

const cases = rows.flatMap((row) => (row.hows ?? HOWS).map((how) => ({ ...row, how })));

describe('an answer that is only odd', () => {
  it.each(cases)('row $row: $what: is whole at the first try, and nobody else is asked, $how', async (row) => {
    const { how, text = TEXT } = row;
    const stage = await setStage(await scripted(row.play));
    const reply = await stage.ask(how, byRoute);
    expect(reply.error).toBeUndefined();
    expect(contentOf(reply)).toMatchObject([{ part: { case: 'text', value: text } }]);
    if (how === 'stream') expect(checkEvents(streamed(reply))).toBeUndefined();
    expect(ending(reply)?.attempts).toMatchObject([{ provider: 'first', status: 0, leftBecause: '' }]);
    expectCalls(stage, { first: 1, second: 0 });
    await expectQuiet(stage, { keeps: true });
  });

  it.each([
    ['RST', (line: Line) => void line.socket.resetAndDestroy()],
    ['FIN', (line: Line) => void line.socket.end()],
  ])('row 25: %s on a kept connection is made good within the try', async (_, end) => {
    for (const how of HOWS) {
      const stage = await setStage(await scripted((line, n) => (n === 1 ? end(line) : answer(line, TEXT))));
      await stage.ask(how, byRoute);
      const reply = await stage.ask(how, byRoute);
      expect(contentOf(reply)).toMatchObject([{ part: { case: 'text', value: TEXT } }]);
      expect(ending(reply)?.attempts).toMatchObject([{ provider: 'first', status: 0, leftBecause: '' }]);
      expectCalls(stage, { first: 3, second: 0 });
      await expectQuiet(stage);
    }
  });
});
