import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/core/redact.ts';

const secretArbitrary = fc
  .string({ minLength: 6, maxLength: 40, unit: fc.constantFrom(...'abXY019_-.+/=$&') })
  .filter((secret) => !'[redacted]'.includes(secret));

describe('redactor', () => {
  it('lets no known secret survive, whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.array(secretArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(fc.string({ unit: 'binary' }), { minLength: 5, maxLength: 5 }),
        (secrets, around) => {
          const text = around.map((words, i) => `${words}${secrets[i] ?? ''}`).join('');
          const masked = redactor(secrets)(text);
          for (const secret of secrets) expect(masked).not.toContain(secret);
        },
      ),
    );
  });

  it('masks the whole of a secret that contains another', () => {
    expect(redactor(['secret-1', 'secret-1-long'])('a secret-1-long b secret-1 c')).toBe('a [redacted] b [redacted] c');
  });

  it('takes known values as they are, not as patterns', () => {
    expect(redactor(['a.c$&(x'])('abc$&(x a.c$&(x')).toBe('abc$&(x [redacted]');
  });

  it('does not mask values that are too short to be keys', () => {
    expect(redactor(['', 'hello'])('hello there')).toBe('hello there');
  });

  it.each([
    ['an OpenAI key', 'Incorrect API key provided: sk-proj-abcDEF123456.', 'Incorrect API key provided: [redacted]'],
    ['a key that is half masked already', 'key sk-abc***def', 'key [redacted]'],
    ['a Google key', 'key=AIzaSyA1234567890abcd', 'key=[redacted]'],
    ['a JWT', 'got eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ here', 'got [redacted] here'],
    ['a JWT without a signature', 'got eyJhbGciOiJI.eyJzdWIiOiIx. here', 'got [redacted] here'],
    ['a bearer header', 'authorization: Bearer abcd1234', 'authorization: [redacted]'],
    ['a bearer header in lower case', '{"authorization":"bearer abcd1234"}', '{"authorization":"[redacted]"}'],
    ['a long token of letters', 'Bearer abcdefghijklmnopqrstuvwx', '[redacted]'],
    ['a basic header', 'Basic dXNlcjpwYXNz', '[redacted]'],
    ['an Api-Key header', 'Authorization: Api-Key AQVNx1234567', 'Authorization: [redacted]'],
    ['a Yandex key', 'key AQVN-abcdef123', 'key [redacted]'],
    ['credentials in a URL', 'https://user:pass@example.com/x', 'https:[redacted]example.com/x'],
    ['a password in a URL without a user', 'redis://:hunter22@example.com/0', 'redis:[redacted]example.com/0'],
    ['several', 'sk-abcdefgh and sk-ijklmnop', '[redacted] and [redacted]'],
  ])('masks %s that it was not told of', (_, text, masked) => {
    expect(redactor([])(text)).toBe(masked);
  });

  it.each([
    'The basic problem is that the model is overloaded.',
    'A Basic Understanding of it',
    'Send it as a bearer token in the header.',
    'Missing bearer authentication.',
    '{"scheme":"a bearer token","status":401}',
    'The task-management plan is risk-averse; ask-me-anything.',
    'Use max_completion_tokens instead of max_tokens.',
    'See https://example.com/docs/errors?code=429#more or mail a@example.com.',
    'openai/gpt-4.1-mini is at 12:30 // not a comment',
    'Keys begin with sk- and have more after it.',
  ])('leaves ordinary prose: %s', (text) => {
    expect(redactor(['some-known-secret'])(text)).toBe(text);
  });

  it('is the same a second time: no state is left between texts', () => {
    const redact = redactor([]);
    const text = 'Bearer abcd1234 and sk-abcdefgh';
    expect([redact(text), redact(text)]).toEqual(Array(2).fill('[redacted] and [redacted]'));
  });
});
