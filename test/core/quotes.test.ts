import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { quotesConversation } from '../../src/core/quotes.ts';
import { assistant, type PartInit, requestOf, text, toolCall, toolResult, user } from '../support/requests.ts';

const says = (...content: PartInit[]) => requestOf({ messages: [user(...content)] });
const lower = (length: { minLength: number; maxLength: number }) =>
  fc.string({ ...length, unit: fc.constantFrom(...'abcdefg') });
const upper = (maxLength: number) => fc.string({ maxLength, unit: fc.constantFrom(...'HIJKL. ') });

describe('quotesConversation', () => {
  it('finds every run of 18 characters or more', () => {
    fc.assert(
      fc.property(
        lower({ minLength: 18, maxLength: 60 }),
        fc.nat(),
        upper(40),
        upper(40),
        (prompt, place, before, after) => {
          const from = place % (prompt.length - 17);
          const words = `${before}${prompt.slice(from, from + 18)}${after}`;
          expect(quotesConversation(words, says(text(prompt)))).toBe(true);
        },
      ),
    );
  });

  it('lets words pass that have nothing of the conversation', () => {
    fc.assert(
      fc.property(lower({ minLength: 4, maxLength: 60 }), upper(200), (prompt, words) => {
        expect(quotesConversation(words, says(text(prompt)))).toBe(false);
      }),
    );
  });

  const secret = 'my secret name is Rumpelstiltskin';
  const words = `Invalid input: "${secret}" is not accepted.`;

  it.each<[string, ReturnType<typeof says>]>([
    ['a text', says(text('hello'), text(secret))],
    ['a refusal', requestOf({ messages: [assistant({ part: { case: 'refusal', value: secret } })] })],
    ['reasoning', requestOf({ messages: [assistant({ part: { case: 'reasoning', value: { text: secret } } })] })],
    [
      'the arguments of a tool call',
      requestOf({
        messages: [
          assistant({ part: { case: 'toolCall', value: { id: 'c', name: 'f', arguments: `{"x":"${secret}"}` } } }),
        ],
      }),
    ],
    [
      'a tool result',
      requestOf({
        messages: [assistant(toolCall('c')), { role: Role.TOOL, content: [toolResult('c', text(secret))] }],
      }),
    ],
    ['a text of several lines that came back as one', says(text('my secret\n  name is\nRumpel\nstiltskin'))],
  ])('looks into %s', (_, request) => {
    expect(quotesConversation(`${words} my secret name is Rumpel stiltskin`, request)).toBe(true);
  });

  it.each([
    ['a whole short message', 'teapot', 'I am a teapot, said it.', true],
    ['a part of a short message', 'a red teapot', 'I am a teapot', false],
    ['a message too short to tell', 'hey', 'hey there', false],
    ['space around a short message', '  teapot\n', 'I am a teapot', true],
    ['nothing', '', 'I am a teapot', false],
    ['lines that came back with other breaks', 'a very large red\nteapot', 'I am a\r\nvery large red teapot', true],
  ])('takes %s for what it is', (_, prompt, said, quoted) => {
    expect(quotesConversation(said, says(text(prompt)))).toBe(quoted);
  });

  it('takes anything for a quote where there is too much to look through', () => {
    const long = 'x'.repeat(1_000_000);
    expect(quotesConversation('an error', says(text(long), text(long)))).toBe(false);
    expect(quotesConversation('an error', says(text(long), text(long), text('x')))).toBe(true);
  });

  it('ignores what has no text', () => {
    const image: PartInit = {
      part: { case: 'image', value: { source: { case: 'url', value: 'https://example.com/a.png' } } },
    };
    expect(quotesConversation('https://example.com/a.png', says(image))).toBe(false);
  });
});
