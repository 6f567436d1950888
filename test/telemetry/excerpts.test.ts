import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/core/redact.ts';
import { Excerpts } from '../../src/telemetry/excerpts.ts';

const SECRET = 'a secret "of many" words';
const redact = redactor([SECRET]);
const MAX = 100;
const excerpts = new Excerpts(redact, MAX);

describe('a text', () => {
  it('is as it was if it is short', () => {
    expect(excerpts.text('hello,\nworld')).toBe('hello,\nworld');
    expect(excerpts.text('x'.repeat(MAX))).toBe('x'.repeat(MAX));
  });

  it('is cut if it is long, and says how long it was', () => {
    expect(excerpts.text('x'.repeat(MAX + 1))).toBe(`${'x'.repeat(MAX)}... [101 characters]`);
    expect(excerpts.text('x'.repeat(1_000_000))).toBe(`${'x'.repeat(MAX)}... [1000000 characters]`);
  });

  it('has no secret, and nothing that looks like a key', () => {
    expect(excerpts.text(`say ${SECRET} and sk-0123456789`)).toBe('say [redacted] and [redacted]');
  });

  it('has no piece of a secret, wherever it is cut', () => {
    const piece = SECRET.slice(0, 6);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 9_000 }), (before, after) => {
        const told = excerpts.text(`${'x'.repeat(before)}${SECRET}${'y'.repeat(after)}`);
        expect(told).not.toContain(piece);
      }),
    );
  });

  it('has no piece of a long secret at the place where the reading ends', () => {
    const long = Array.from({ length: 800 }, (_, i) => `k${String(i).padStart(3, '0')}.`).join('');
    const masking = new Excerpts(redactor([long]), MAX);
    for (const times of [1, 2, 3, 4]) {
      const told = masking.text(long.repeat(times));
      expect([told.length < 200, told.includes('k000.')]).toEqual([true, false]);
    }
  });
});

describe('JSON', () => {
  it('is a value, its texts masked and cut', () => {
    const given = { a: [SECRET, 1, null, true], [`key ${SECRET}`]: { deep: 'y'.repeat(20) } };
    expect(new Excerpts(redact, 200).json(JSON.stringify(given))).toEqual({
      a: ['[redacted]', 1, null, true],
      'key [redacted]': { deep: 'y'.repeat(20) },
    });
  });

  it('is text if it is none', () => {
    expect(excerpts.json('{"a": sk-0123456789')).toBe('{"a": [redacted]');
  });

  it('is not told in part if it is long: what is escaped is not known as a secret', () => {
    const text = JSON.stringify({ secret: SECRET, more: 'x'.repeat(MAX) });
    expect(excerpts.json(text)).toBe(`[${text.length} characters of JSON]`);
  });

  it('may be as deep as it is long', () => {
    const deep = new Excerpts(redact, 4_096).json(`${'['.repeat(2_048)}${']'.repeat(2_048)}`);
    expect(JSON.stringify(deep)).toHaveLength(4_096);
  });
});
