import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import { type Frame, sseParser } from '../../src/wire/sse.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function parse(chunks: readonly Uint8Array[], maxEventBytes = 1_000): Frame[] {
  const frames: Frame[] = [];
  const parser = sseParser({ maxEventBytes, onFrame: (frame) => frames.push(frame) });
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return frames;
}

const frame = (data: string, event = ''): Frame => ({ event, data });

const cases: readonly (readonly [string, string, readonly Frame[]])[] = [
  ['one event', 'data: a\n\n', [frame('a')]],
  ['CR LF', 'data: a\r\n\r\ndata: b\r\n\r\n', [frame('a'), frame('b')]],
  ['lone CR', 'data: a\r\rdata: b\r\r', [frame('a'), frame('b')]],
  ['mixed line ends', 'data: a\r\n\ndata: b\n\rdata: c\r\r\n', [frame('a'), frame('b'), frame('c')]],
  ['a byte order mark at the start', '\ufeffdata: a\n\n', [frame('a')]],
  ['a byte order mark later is part of the name', 'data: a\n\n\ufeffdata: b\n\n', [frame('a')]],
  ['two byte order marks', '\ufeff\ufeffdata: a\n\n', []],
  ['a comment', ': ping\n\n:\ndata: a\n: in between\ndata: b\n\n', [frame('a\nb')]],
  ['no space, one space, two spaces', 'data:a\ndata: b\ndata:  c\n\n', [frame('a\nb\n c')]],
  ['empty data', 'data\n\ndata:\n\ndata: \n\ndata\ndata\n\n', [frame(''), frame(''), frame(''), frame('\n')]],
  ['an event name', 'event: error\ndata: a\n\ndata: b\n\n', [frame('a', 'error'), frame('b')]],
  ['a name without data is no event', 'event: ping\n\ndata: a\n\n', [frame('a')]],
  ['the last name counts', 'event: x\nevent:y\nevent\ndata: a\n\nevent:z\ndata:b\n\n', [frame('a'), frame('b', 'z')]],
  ['id, retry and unknown fields', 'id: 7\nretry: 10\nfoo: bar\ndatum: x\ndata2: y\ndat\ndata: a\n\n', [frame('a')]],
  ['a colon in the data', 'data: {"a":1}\n\n', [frame('{"a":1}')]],
  ['no final blank line', 'data: a\n\ndata: b\n', [frame('a')]],
  ['no final line end', 'data: a\n\ndata: b', [frame('a')]],
  ['many blank lines', '\n\n\ndata: a\n\n\n\n', [frame('a')]],
  ['whole characters', 'data: é 東 🗼\n\n', [frame('é 東 🗼')]],
  ['nothing', '', []],
];

describe('the grammar', () => {
  it.each(cases)('%s', (_, text, frames) => expect(parse([bytes(text)])).toEqual(frames));

  it.each(cases)('%s, cut at every byte and into single bytes', (_, text, frames) => {
    const whole = bytes(text);
    expect(parse(Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual(frames);
    for (let at = 0; at <= whole.length; at++) {
      expect(parse([whole.subarray(0, at), new Uint8Array(), whole.subarray(at)])).toEqual(frames);
    }
  });

  it('makes U+FFFD of bytes that are not UTF-8', () => {
    expect(parse([bytes('data: '), Uint8Array.of(0xc3, 0x28, 0xff), bytes('\n\n')])).toEqual([frame('\ufffd(\ufffd')]);
  });

  it('reads a view into a larger buffer', () => {
    const large = bytes('xxdata: a\n\nxx');
    expect(parse([new Uint8Array(large.buffer, 2, large.length - 4)])).toEqual([frame('a')]);
  });

  it('does not mind that the memory of a chunk is used again', () => {
    const frames: Frame[] = [];
    const parser = sseParser({ maxEventBytes: 100, onFrame: (given) => frames.push(given) });
    const chunk = bytes('data: first half');
    parser.push(chunk);
    chunk.fill(0);
    parser.push(bytes(', second\n\n'));
    expect(frames).toEqual([frame('first half, second')]);
  });

  it('gives back what any events say, in any line ends and any pieces', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ' '));
    const event = fc.record({ event: line, data: fc.array(line, { minLength: 1, maxLength: 3 }) });
    const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
    const property = fc.property(fc.array(event), lineEnd, fc.array(fc.nat(500)), (events, end, places) => {
      const text = events.map(({ event: name, data }) =>
        [`event: ${name}`, ...data.map((each) => `data: ${each}`), '', ''].join(end),
      );
      const whole = bytes(text.join(''));
      const edges = [0, ...places.filter((at) => at < whole.length).sort((a, b) => a - b), whole.length];
      const chunks = edges.slice(1).map((to, i) => whole.subarray(edges[i], to));
      const expected = events.map(({ event: name, data }) => frame(data.join('\n'), name));
      expect(parse(chunks, 10_000)).toEqual(expected);
    });
    fc.assert(property);
  });
});

describe('the bound', () => {
  const line = `data: ${'é'.repeat(20)}`; // 46 bytes
  const tooLarge = (chunks: readonly Uint8Array[], maxEventBytes: number) => {
    try {
      parse(chunks, maxEventBytes);
    } catch (thrown) {
      return thrown instanceof GatewayError ? thrown.kind : thrown;
    }
    return undefined;
  };

  it.each([
    ['one line as long as allowed', [`${line}\n\n`], 46, undefined],
    ['one line a byte longer', [`${line}\n\n`], 45, 'upstream_too_large'],
    ['in pieces, as long as allowed', [line.slice(0, 9), line.slice(9), '\n\n'], 46, undefined],
    ['in pieces, a byte longer', [line.slice(0, 9), line.slice(9), '\n\n'], 45, 'upstream_too_large'],
    ['an endless line', Array.from({ length: 9 }, () => 'xxxxxxxxxx'), 80, 'upstream_too_large'],
    ['an endless comment', [':', ...Array.from({ length: 9 }, () => 'xxxxxxxxxx')], 80, 'upstream_too_large'],
    ['endless lines of one event', Array.from({ length: 9 }, () => 'data: xxxx\n'), 80, 'upstream_too_large'],
    ['as many lines as allowed', [...Array.from({ length: 8 }, () => 'data: xxxx\n'), '\n'], 80, undefined],
    ['any number of short comments', Array.from({ length: 99 }, () => ': ping\n'), 80, undefined],
    ['any number of events', Array.from({ length: 99 }, () => 'event: e\ndata: x\n\n'), 80, undefined],
  ])('%s', (_, chunks, maxEventBytes, kind) => {
    expect(tooLarge(chunks.map(bytes), maxEventBytes)).toBe(kind);
  });

  it('keeps working after a large event in many pieces', () => {
    const large = 'x'.repeat(200_000);
    const whole = bytes(`data: ${large}\n\ndata: small\n\n`);
    const chunks = Array.from({ length: Math.ceil(whole.length / 7_000) }, (_, i) =>
      whole.subarray(i * 7_000, (i + 1) * 7_000),
    );
    expect(parse(chunks, 300_000)).toEqual([frame(large), frame('small')]);
  });
});
