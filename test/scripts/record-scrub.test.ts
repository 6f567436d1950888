import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdsSecret, scrubber } from '../../scripts/record-scrub.ts';

const KEY = 'sk-test-Zx81Qw05';

describe('scrubbing', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['a key', `{"message":"bad key ${KEY}."}`, '{"message":"bad key [redacted]."}'],
    ["someone else's key", '{"text":"AIzaSyA-1234567890abc"}', '{"text":"[redacted]"}'],
    ['an id of an answer', '{"id":"chatcmpl-CVx3abcDEF12"}', '{"id":"chatcmpl-1"}'],
    ['equal ids', '["toolu_01abcdefgh","toolu_02abcdefgh","toolu_01abcdefgh"]', '["toolu_1","toolu_2","toolu_1"]'],
    ['a name that begins like an id', '{"name":"call_me"}', '{"name":"call_me"}'],
    ['a mail address', '{"text":"ask jo.doe+x@mail.acme.co.uk"}', '{"text":"ask someone@example.com"}'],
    ['a UUID', '{"x":"1d3f2b4c-90ab-4cde-8f01-23456789abcd"}', '{"x":"00000000-0000-4000-8000-000000000001"}'],
    ['an owner', '{"organization": "acme","user_id":"u"}', '{"organization": "organization-1","user_id":"user_id-1"}'],
    ['an owner that is an id', '{"organization":"org-abcdefgh1234"}', '{"organization":"org-1"}'],
    ['a folder', '{"model":"gpt://b1gfolder/yandexgpt/rc"}', '{"model":"gpt://b1g00000000000000000/yandexgpt/rc"}'],
    ['a prompt', '{"text":"Who owns the project?"}', '{"text":"Who owns the project?"}'],
  ];

  it.each(cases)('takes out %s', (_, text, expected) => {
    expect(scrubber([KEY], 'b1gfolder')(text)).toBe(expected);
  });

  it('changes nothing any more when done twice', () => {
    for (const [, text] of cases) {
      const scrub = scrubber([KEY], 'b1gfolder');
      const once = scrub(text);
      expect(scrubber([KEY], 'b1gfolder')(once)).toBe(once);
    }
  });

  it('leaves no known key in any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        expect(scrubber([KEY])(`${before}${KEY}${after}`)).not.toContain(KEY);
      }),
    );
  });
});

describe('what may not be written', () => {
  it.each([
    ['as it is', KEY],
    ['in small letters', KEY.toLowerCase()],
    ['in base64', Buffer.from(KEY).toString('base64')],
    ['in hex', Buffer.from(KEY).toString('hex')],
    ['of another provider', 'gsk_abcdefgh12345'],
  ])('a key %s', (_, text) => {
    expect(holdsSecret(`{"a":"x ${text} y"}`, [KEY])).toBe(true);
  });

  it('and nothing else', () => {
    expect(holdsSecret('{"text":"no key here"}', [KEY])).toBe(false);
    expect(holdsSecret('{"text":"short"}', ['short'])).toBe(false);
  });
});
