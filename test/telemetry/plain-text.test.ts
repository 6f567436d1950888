import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/core/redact.ts';
import { loggedError, plainText } from '../../src/telemetry/plain-text.ts';

const CANARY = 'canary-5f3a9c';
const redact = redactor([CANARY]);

describe('plain text', () => {
  const table: [string, string, string][] = [
    ['ordinary text', 'hello, wörld', 'hello, wörld'],
    ['a known secret', `key ${CANARY}!`, 'key [redacted]!'],
    ['what looks like a key', 'sk-abcdef123456', '[redacted]'],
    ['DEL and C1 controls', 'a\x7fb\x9b31m', 'a\\u007fb\\u009b31m'],
    ['separators and directions', 'a\u2028b\u202ec', 'a\\u2028b\\u202ec'],
    ['as long as allowed', 'x'.repeat(50), 'x'.repeat(50)],
    ['too long', 'x'.repeat(51), `${'x'.repeat(47)}...`],
    ['one word, too long to read', 'x'.repeat(5000), '...'],
  ];
  it.each(table)('%s', (_, text, expected) => {
    expect(plainText(text, redact, 50)).toBe(expected);
  });

  it('holds no secret, wherever one stands, and keeps its bound', () => {
    const filler = fc.integer({ min: 0, max: 5000 }).map((length) => 'a '.repeat(length / 2));
    fc.assert(
      fc.property(filler, filler, fc.integer({ min: 10, max: 5000 }), (before, after, max) => {
        const plain = plainText(before + CANARY + after, redact, max);
        expect(plain.length).toBeLessThanOrEqual(max);
        for (let length = 6; length <= CANARY.length; length++) expect(plain).not.toContain(CANARY.slice(0, length));
      }),
    );
  });
});

describe('a logged error', () => {
  const parseError = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      return error;
    }
  };

  it('has a name, a code and a place', () => {
    const error = Object.assign(new TypeError(`bad ${CANARY}`), { code: 'ECONNRESET' });
    expect(loggedError(error, redact)).toEqual({
      name: 'TypeError',
      code: 'ECONNRESET',
      at: expect.stringMatching(/^telemetry.plain-text\.test\.ts:\d+:\d+$/),
    });
    expect(loggedError(Object.assign(new Error(''), { code: 7 }), redact).code).toBe('7');
    expect(loggedError(Object.assign(new Error(''), { code: {} }), redact)).not.toHaveProperty('code');
  });

  it.each(['tell me a secret', 'tell "me" a secret', "it's a `secret`", '\n    at secret (secret.ts:1:1)'])(
    'does not repeat what was parsed: %j',
    (prompt) => {
      const logged = JSON.stringify(loggedError(parseError(prompt), redact));
      expect(logged).toContain('SyntaxError');
      expect(logged).not.toContain('secret');
    },
  );

  it('does not take a place from the message', () => {
    const error = new Error('a message\n    at with a frame in it (secret.ts:1:1)');
    expect(loggedError(error, redact).at).toContain('plain-text.test.ts');
    error.stack = 'made by hand';
    expect(loggedError(error, redact)).toEqual({ name: 'Error' });
  });

  it('is bounded', () => {
    const error = Object.assign(new Error('x'), { code: 'c '.repeat(9000) });
    error.name = 'n '.repeat(9000);
    const { name, code } = loggedError(error, redact);
    expect([name.length, code?.length]).toEqual([64, 64]);
  });

  it('says of another thing only what kind it is', () => {
    expect(loggedError(CANARY, redact)).toEqual({ name: 'string' });
    expect(loggedError(undefined, redact)).toEqual({ name: 'undefined' });
  });
});
