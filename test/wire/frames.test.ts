import { describe, expect, it } from 'vitest';
import { type Framing, frameParser } from '../../src/wire/frames.ts';
import type { Frame } from '../../src/wire/sse.ts';

const read = (framing: Framing, chunks: readonly Uint8Array[]): Frame[] => {
  const frames: Frame[] = [];
  const parser = frameParser(framing, { maxEventBytes: 1_000, onFrame: (frame) => frames.push(frame) });
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return frames;
};

describe.each<[Framing, string, Frame[]]>([
  [
    'sse',
    ': wait\n\nevent: e\ndata: {"a":"😀"}\n\ndata: 2\r\n\r\ndata: cut off',
    [
      { event: 'e', data: '{"a":"😀"}' },
      { event: '', data: '2' },
    ],
  ],
  [
    'ndjson',
    '{"a":"😀"}\n\r\n2\r\n3',
    [
      { event: '', data: '{"a":"😀"}' },
      { event: '', data: '2' },
      { event: '', data: '3' },
    ],
  ],
])('%s', (framing, text, expected) => {
  const bytes = Buffer.from(text);

  it('is cut into frames', () => expect(read(framing, [bytes])).toEqual(expected));

  it('is the same however the bytes are cut', () => {
    expect(
      read(
        framing,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(expected);
    for (let at = 1; at < bytes.length; at++)
      expect(read(framing, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
  });
});
