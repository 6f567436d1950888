import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import type { Line } from '../support/upstream.ts';
import { type Scene, setScene } from './upstream-scene.ts';

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;

const piece = (delta: unknown) => data({ choices: [{ index: 0, delta }] });

const ENDING = data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });

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

/** What a caller sees, but for what differs from call to call. */
const seen = (messages: readonly StreamCompleteResponse[]) =>
  messages.map(({ event }) => {
    if (event.case === 'textDelta') return event.value.text;
    if (event.case !== 'toolCallDelta') return event.case;
    const { id, name, argumentsDelta } = event.value;
    return [id, name, argumentsDelta];
  });

const WHOLE = ['start', 'aß東🗼', '😀z', ['c1', 'f', '{"é":"🗼"}'], 'completed'];

/** Plays these bytes as a stream, each piece a chunk of its own. */
function play(line: Line, pieces: readonly Uint8Array[]): void {
  line.startStream();
  for (const bytes of pieces) if (bytes.length > 0) line.chunk(bytes);
  line.endStream();
}

/** Like `play`, and each piece a packet of its own, so that chunks are cut too. */
async function playSlowly(line: Line, pieces: readonly Uint8Array[]): Promise<void> {
  line.startStream();
  for (const bytes of pieces) {
    line.send(bytes);
    await setImmediate();
  }
}

async function ask(scene: Scene): Promise<StreamCompleteResponse[]> {
  const { messages, error } = await scene.ask('stream');
  expect(error).toBeUndefined();
  expect(checkEvents(messages as StreamCompleteResponse[])).toBeUndefined();
  return messages as StreamCompleteResponse[];
}

const textsOf = async (...pieces: string[]) => {
  const scene = await setScene((line) =>
    play(
      line,
      pieces.map((text) => Buffer.from(text)),
    ),
  );
  return seen(await ask(scene));
};

describe('a stream cut anywhere', () => {
  const bytes = Buffer.from(STREAM);

  it('row 8: gives the same events for every place to cut it once, on one connection', async () => {
    const scene = await setScene((line, at) => play(line, [bytes.subarray(0, at), bytes.subarray(at)]));
    for (let at = 0; at <= bytes.length; at++) expect(seen(await ask(scene)), `cut at ${at}`).toEqual(WHOLE);
    expect(scene.upstream).toMatchObject({ accepted: 1, open: 1 });
  });

  it('row 8: gives the same events in single bytes', async () => {
    const scene = await setScene((line) =>
      play(
        line,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    );
    expect(seen(await ask(scene))).toEqual(WHOLE);
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
        expect(seen(await ask(scene))).toEqual(WHOLE);
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
    for (let step = 1; step <= 5; step++) expect(seen(await ask(scene)), `packets of ${step}`).toEqual(WHOLE);
  });
});

describe('bytes that are not as they should be', () => {
  it('row 9: invalid UTF-8 becomes U+FFFD, and the stream goes on', async () => {
    const scene = await setScene((line) => {
      const [before = '', after = ''] = piece({ content: 'a|b' }).split('|');
      const bad = Buffer.from([0xc3, 0x28, 0xff, 0xf0, 0x9f]);
      play(line, [Buffer.from(before), bad, Buffer.from(after), Buffer.from(piece({ content: 'ok' }) + ENDING)]);
    });
    expect(seen(await ask(scene))).toEqual(['start', 'a\ufffd(\ufffd\ufffdb', 'ok', 'completed']);
  });

  it('row 9: NUL and control characters are text like any other', async () => {
    const text = 'a\0b\u001b[2J\u007f\u2028';
    expect(await textsOf(piece({ content: text }), ENDING)).toEqual(['start', text, 'completed']);
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
    expect(await textsOf(stream)).toEqual(['start', 'a', 'b', 'completed']);
  });

  it('row 10: the last event without its blank line is not an event', async () => {
    expect(await textsOf(piece({ content: 'a' }), ENDING, piece({ content: 'b' }).trimEnd())).toEqual([
      'start',
      'a',
      'completed',
    ]);
  });

  it('row 10: what comes after [DONE] is not heard', async () => {
    const late = piece({ content: 'late' });
    expect(await textsOf(piece({ content: 'a' }), ENDING, 'data: [DONE]\n\n', late, 'data: {\n\n')).toEqual([
      'start',
      'a',
      'completed',
    ]);
  });
});

describe('halves of characters', () => {
  const half = (delta: (text: string) => unknown, ...escapes: string[]) =>
    escapes.map((escaped) => piece(delta('@')).replace('@', escaped)).join('');

  it.each([
    ['a pair cut in two', ['\\ud83d', '\\ude00'], '😀'],
    ['two pairs cut in two', ['a\\ud83d', '\\ude00\\ud83d', '\\ude01b'], 'a😀😁b'],
    ['a pair with an empty delta between', ['\\ud83d', '', '\\ude00'], '😀'],
    ['a first half alone', ['a\\ud83d', 'b'], 'a\ufffdb'],
    ['a second half alone', ['a', '\\ude00b'], 'a\ufffdb'],
    ['a first half at the very end', ['a', '\\ud83d'], 'a\ufffd'],
    ['two first halves', ['\\ud83d', '\\ud83d', '\\ude00'], '\ufffd😀'],
    ['halves in the wrong order', ['\\ude00', '\\ud83d', 'a'], '\ufffd\ufffda'],
  ])('row 11: %s', async (_, escapes, text) => {
    const events = await textsOf(
      half((content) => ({ content }), ...escapes),
      ENDING,
    );
    expect(events.slice(1, -1).join('')).toBe(text);
    for (const event of events) expect(String(event).isWellFormed()).toBe(true);
    const tool = (args: string) => ({
      tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: args } }],
    });
    const calls = await textsOf(half(tool, '{\\"a\\":\\"', ...escapes, '\\"}'), ENDING);
    expect(calls.map((event) => (Array.isArray(event) ? event[2] : '')).join('')).toBe(`{"a":"${text}"}`);
  });

  it('row 11: a pair whose halves are not next to each other is no pair', async () => {
    const events = await textsOf(
      half((content) => ({ content }), 'a\\ud83d'),
      half((reasoning) => ({ reasoning }), '\\ude00'),
      half((content) => ({ content }), 'b'),
      ENDING,
    );
    expect(events).toEqual(['start', 'a', 'reasoningDelta', '\ufffdb', 'completed']);
  });

  it('row 11: names, ids and the rest of what an answer carries are whole characters too', async () => {
    const odd = { id: '@', model: '@', choices: [{ index: 0, delta: { content: 'a' }, finish_reason: '@' }] };
    const scene = await setScene((line) => play(line, [Buffer.from(data(odd).replaceAll('@', 'x\\ud83d'))]));
    const completed = (await ask(scene)).at(-1)?.event;
    expect(completed?.value).toMatchObject({ providerModel: 'x\ufffd', providerResponseId: 'x\ufffd' });
  });
});
