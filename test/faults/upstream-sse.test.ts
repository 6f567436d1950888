import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Line } from '../support/upstream.ts';
import { ENDING, eventsOf, listen, piece, play, seen } from './upstream-events.ts';
import { setScene } from './upstream-scene.ts';

/** Short, and with characters of one to four bytes, in the text and in a tool call. */
const STREAM = [
  ': hi\n\n',
  piece({ content: 'aß東🗼' }),
  piece({ content: '\ud83d' }).replace('\ud83d', '\\ud83d'),
  piece({ content: '\ude00z' }).replace('\ude00', '\\ude00'),
  piece({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '{"é":"🗼"}' } }] }),
  ENDING,
  'data: [DONE]\n\n',
].join('');

const SEVERAL_LINES = STREAM.replaceAll('"index":0,', '"index":0,\ndata: ');

const WHOLE = ['start', 'aß東🗼', '😀z', ['c1', 'f', '{"é":"🗼"}'], 'completed'];

/** Like `play`, and each piece a packet of its own, so that chunks are cut too. */
async function playSlowly(line: Line, pieces: readonly Uint8Array[]): Promise<void> {
  line.startStream();
  for (const bytes of pieces) {
    line.send(bytes);
    await setImmediate();
  }
}

describe('a stream cut anywhere', () => {
  const bytes = Buffer.from(STREAM);

  it('row 8: gives the same events for every place to cut it once, on one connection', async () => {
    const scene = await setScene((line, at) => play(line, [bytes.subarray(0, at), bytes.subarray(at)]));
    for (let at = 0; at <= bytes.length; at++) expect(seen(await listen(scene)), `cut at ${at}`).toEqual(WHOLE);
    expect(scene.upstream).toMatchObject({ accepted: 1, open: 1 });
  });

  it.each([
    ['LF', STREAM],
    ['CR LF, and data over several lines', SEVERAL_LINES.replaceAll('\n', '\r\n')],
    ['CR, and data over several lines', SEVERAL_LINES.replaceAll('\n', '\r')],
  ])('row 8: gives the same events in single bytes, with %s', async (_, text) => {
    const scene = await setScene((line) =>
      play(
        line,
        Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte)),
      ),
    );
    expect(seen(await listen(scene))).toEqual(WHOLE);
  });

  it('row 8: gives the same events however often and wherever it is cut', async () => {
    let cuts: readonly number[] = [];
    const scene = await setScene((line) => {
      const places = [...new Set([0, ...cuts, bytes.length])].sort((a, b) => a - b);
      play(
        line,
        places.map((from, i) => bytes.subarray(from, places[i + 1])),
      );
    });
    const places = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(places, async (some) => {
        cuts = some;
        expect(seen(await listen(scene))).toEqual(WHOLE);
      }),
      { numRuns: 50 },
    );
  });

  it('row 8: gives the same events when HTTP chunks and TCP packets are cut as well', async () => {
    const chunked = Buffer.from(
      `${[...STREAM.matchAll(/[\s\S]{1,7}/gu)]
        .map(([text]) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
        .join('')}0\r\n\r\n`,
    );
    const scene = await setScene((line, step) => {
      const packets = Array.from({ length: Math.ceil(chunked.length / (step + 1)) }, (_, i) =>
        chunked.subarray(i * (step + 1), (i + 1) * (step + 1)),
      );
      return playSlowly(line, packets);
    });
    for (let step = 1; step <= 5; step++) expect(seen(await listen(scene)), `packets of ${step}`).toEqual(WHOLE);
  });
});

describe('bytes that are not as they should be', () => {
  it('row 9: invalid UTF-8 becomes U+FFFD, and the stream goes on', async () => {
    const scene = await setScene((line) => {
      const [before = '', after = ''] = piece({ content: 'a|b' }).split('|');
      const bad = Buffer.from([0xc3, 0x28, 0xff, 0xf0, 0x9f]);
      play(line, [Buffer.from(before), bad, Buffer.from(after), Buffer.from(piece({ content: 'ok' }) + ENDING)]);
    });
    expect(seen(await listen(scene))).toEqual(['start', 'a\ufffd(\ufffd\ufffdb', 'ok', 'completed']);
  });

  it('row 9: NUL and control characters are text like any other', async () => {
    const text = 'a\0b\u001b[2J\u007f\u2028';
    expect(await eventsOf(piece({ content: text }), ENDING)).toEqual(['start', text, 'completed']);
  });

  const lines = (end: string) => (piece({ content: 'a' }) + piece({ content: 'b' }) + ENDING).replaceAll('\n', end);

  it.each([
    ['CR LF', lines('\r\n')],
    ['lone CR', lines('\r')],
    ['mixed line ends', `${piece({ content: 'a' }).replaceAll('\n', '\r')}${piece({ content: 'b' })}${ENDING}`],
    ['a byte order mark', `\ufeff${lines('\n')}`],
    ['comments', `: x\n\n${lines('\n:y\n')}`],
    ['no spaces after the colon', lines('\n').replaceAll('data: ', 'data:')],
    ['unknown fields, ids and empty events', `retry: 1\nid: 7\nfoo\n\nevent: ping\n\n${lines('\n')}data:\n\n`],
    ['data over several lines', lines('\n').replaceAll('"index":0,', '"index":0,\ndata: ')],
  ])('row 10: %s', async (_, stream) => {
    expect(await eventsOf(stream)).toEqual(['start', 'a', 'b', 'completed']);
  });

  it('row 10: the last event without its blank line is not an event', async () => {
    expect(await eventsOf(piece({ content: 'a' }), ENDING, piece({ content: 'b' }).trimEnd())).toEqual([
      'start',
      'a',
      'completed',
    ]);
  });

  it('row 10: what comes after [DONE] is not heard', async () => {
    const late = piece({ content: 'late' });
    expect(await eventsOf(piece({ content: 'a' }), ENDING, 'data: [DONE]\n\n', late, 'data: {\n\n')).toEqual([
      'start',
      'a',
      'completed',
    ]);
  });
});
