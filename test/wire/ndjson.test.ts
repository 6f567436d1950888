import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import { ndjsonParser } from '../../src/wire/ndjson.ts';

/** The frames' data that these pieces give. */
function read(chunks: Iterable<Uint8Array>, maxEventBytes = 1_000): string[] {
  const data: string[] = [];
  const parser = ndjsonParser({
    maxEventBytes,
    onFrame: (frame) => {
      expect(frame.event).toBe('');
      data.push(frame.data);
    },
  });
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return data;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('lines', () => {
  it.each<[string, string, string[]]>([
    ['end in LF', '{"a":1}\n{"a":2}\n', ['{"a":1}', '{"a":2}']],
    ['end in CR LF', '{"a":1}\r\n{"a":2}\r\n', ['{"a":1}', '{"a":2}']],
    ['need no end at the end', '1\n2', ['1', '2']],
    ['that are blank are skipped', '\n\r\n  \n1\n\n', ['1']],
    ['may be indented', '  1 \n\t2', ['1', '2']],
    ['may follow a byte order mark', '\ufeff1\n2', ['1', '2']],
    ['are not cut at other separators', '"a\u2028b\u0085c"\n', ['"a\u2028b\u0085c"']],
    ['may be none', '', []],
  ])('%s', (_, text, expected) => expect(read([bytes(text)])).toEqual(expected));

  it('with bytes that are not UTF-8 have U+FFFD there', () => {
    expect(read([Uint8Array.of(0x22, 0xff, 0x22, 0x0a)])).toEqual(['"\ufffd"']);
  });

  it('come as soon as they end', () => {
    const data: string[] = [];
    const parser = ndjsonParser({ maxEventBytes: 100, onFrame: (frame) => data.push(frame.data) });
    parser.push(bytes('1\n2'));
    expect(data).toEqual(['1']);
    parser.push(bytes('3\n'));
    expect(data).toEqual(['1', '23']);
    parser.end();
    expect(data).toEqual(['1', '23']);
  });

  it('are kept as copies', () => {
    const data: string[] = [];
    const parser = ndjsonParser({ maxEventBytes: 100, onFrame: (frame) => data.push(frame.data) });
    const chunk = bytes('12');
    parser.push(chunk);
    chunk.fill(0x39);
    parser.push(bytes('\n'));
    expect(data).toEqual(['12']);
  });

  it('what the receiver throws is thrown', () => {
    const parser = ndjsonParser({
      maxEventBytes: 100,
      onFrame: () => {
        throw new Error('stop');
      },
    });
    expect(() => parser.push(bytes('1\n'))).toThrow('stop');
  });
});

describe('cutting', () => {
  it('anywhere changes nothing', () => {
    const line = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
      fc.constant(''),
    );
    const end = fc.constantFrom('\n', '\r\n');
    const property = fc.property(fc.array(fc.tuple(line, end)), fc.array(fc.nat(200)), (lines, places) => {
      const whole = bytes(lines.flat().join(''));
      const edges = [0, ...places.filter((at) => at < whole.length).sort((a, b) => a - b), whole.length];
      const cut = edges.slice(1).map((to, i) => whole.subarray(edges[i], to));
      const expected = lines.map(([text]) => text.trim().toWellFormed()).filter((text) => text !== '');
      expect(read(cut, 10_000)).toEqual(expected);
      expect(
        read(
          Array.from(whole, (byte) => Uint8Array.of(byte)),
          10_000,
        ),
      ).toEqual(expected);
    });
    fc.assert(property);
  });

  it('at every byte changes nothing', () => {
    const whole = bytes('{"text":"Приве"}\r\n\n{"text":"Привет 😀"}\n{"last":true}');
    const expected = ['{"text":"Приве"}', '{"text":"Привет 😀"}', '{"last":true}'];
    for (let at = 0; at <= whole.length; at++)
      expect(read([whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
  });
});

describe('the bound', () => {
  const kind = (chunks: string[], maxEventBytes: number) => {
    try {
      return read(chunks.map(bytes), maxEventBytes).length;
    } catch (thrown) {
      return thrown instanceof GatewayError ? thrown.kind : thrown;
    }
  };

  it.each<[string, string[], number | string]>([
    ['holds for one line, not for all', ['1234\n1234\n1234\n'], 3],
    ['holds for a line in one piece', ['12345\n'], 'upstream_too_large'],
    ['holds for a line in many', ['123', '45'], 'upstream_too_large'],
    ['counts anew after each line', ['123', '4\n12', '34'], 2],
    ['holds for a line that never ends', Array.from({ length: 10 }, () => '1'), 'upstream_too_large'],
  ])('%s', (_, chunks, expected) => expect(kind(chunks, 4)).toBe(expected));

  it('lets a long line through that fits, and goes on', () => {
    const long = `"${'x'.repeat(200_000)}"`;
    expect(read([bytes(long.slice(0, 100_000)), bytes(`${long.slice(100_000)}\n1`), bytes('2\n')], 300_000)).toEqual([
      long,
      '12',
    ]);
  });
});
