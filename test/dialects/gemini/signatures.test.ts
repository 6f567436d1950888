import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { asArray, asObject } from '../../../src/core/json.ts';
import { folded, said } from './hear.ts';
import { sent, wire } from './send.ts';

type WirePart = Record<string, unknown>;

const signature = fc.option(fc.base64String({ minLength: 4 }), { nil: undefined });
const words = fc.string({ unit: 'grapheme', maxLength: 4 });
const signed = (part: WirePart, thoughtSignature: string | undefined): WirePart =>
  thoughtSignature === undefined ? part : { ...part, thoughtSignature };

const anyPart: fc.Arbitrary<WirePart> = fc.oneof(
  fc.tuple(words, signature).map(([text, value]) => signed({ text }, value)),
  fc.tuple(words, signature).map(([text, value]) => signed({ text, thought: true }, value)),
  fc
    .tuple(fc.uuid(), fc.constantFrom('f', 'g'), signature)
    .map(([id, name, value]) => signed({ functionCall: { id, name, args: { x: 1 } } }, value)),
);

/** What is left if unsigned thoughts do not count, and unsigned texts only together. */
function essence(parts: readonly WirePart[]): WirePart[] {
  const out: WirePart[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    const plain = 'text' in part && part.thoughtSignature === undefined;
    if (plain && (part.thought === true || part.text === '')) continue;
    if (plain && last && 'text' in last && last.thoughtSignature === undefined)
      out[out.length - 1] = { text: `${last.text}${part.text}` };
    else out.push(part);
  }
  return out;
}

describe('signatures', () => {
  it('come back on the very part that they came on', () => {
    fc.assert(
      fc.property(fc.array(anyPart, { minLength: 1, maxLength: 8 }), (parts) => {
        const content = folded(said(...parts));
        fc.pre(content.length > 0);
        const [turn] = asArray(sent(Role.ASSISTANT, content, { signedCalls: false })).map(asObject);
        const back = asArray(turn?.parts).map((part) => ({ ...asObject(part) }));
        expect(essence(back)).toEqual(essence(parts));
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, WirePart[], string]>([
    ['all of a text', [{ text: 'ab', thoughtSignature: 's' }], '{"thoughtSignature":"s"}'],
    ['its end', [{ text: 'a' }, { text: 'b', thoughtSignature: 's' }], '{"thoughtSignature":"s","tail":1}'],
    ['nothing of it', [{ text: 'ab' }, { text: '', thoughtSignature: 's' }], '{"thoughtSignature":"s","tail":0}'],
    ['no text', [{ text: '', thoughtSignature: 's' }], '{"thoughtSignature":"s"}'],
  ])('tell that they came with %s', (_, parts, state) => {
    expect(
      folded(said(...parts)).map(({ providerState }) => Buffer.from(providerState?.data ?? []).toString()),
    ).toEqual([state]);
  });

  it('stand on the first call of an answer, whoever gave it', () => {
    const call = (id: string) => ({ part: { case: 'toolCall', value: { id, name: 'f' } } }) as const;
    const parts = (contents: unknown) => asArray(asObject(asArray(contents)[0])?.parts).map(asObject);
    const marks = parts(sent(Role.ASSISTANT, [call('a'), call('b')])).map((part) => part?.thoughtSignature);
    expect(marks).toEqual(['skip_thought_signature_validator', undefined]);
    const older = parts(sent(Role.ASSISTANT, [call('a')], { signedCalls: false }));
    expect(older[0]).not.toHaveProperty('thoughtSignature');
  });

  it('of a shape that was tampered with are not sent', () => {
    for (const data of ['', 'no', '[]', '{"thoughtSignature":7}', '{"other":1}']) {
      const providerState = { provider: 'here', model: 'm', data: Buffer.from(data) };
      const content = [{ part: { case: 'text', value: 'a' } as const, providerState }];
      const { body, warnings } = wire({ messages: [{ role: Role.ASSISTANT, content }] });
      expect(body.contents).toEqual([{ role: 'model', parts: [{ text: 'a' }] }]);
      expect(warnings.map(({ field }) => field)).toEqual(['messages[0].content[0].provider_state']);
    }
  });

  it('have no place on a refusal', () => {
    const providerState = { provider: 'here', model: 'm', data: Buffer.from('{"thoughtSignature":"s"}') };
    const content = [{ part: { case: 'refusal', value: 'No.' } as const, providerState }];
    const { body, warnings } = wire({ messages: [{ role: Role.ASSISTANT, content }] });
    expect(body.contents).toEqual([{ role: 'model', parts: [{ text: 'No.' }] }]);
    expect(warnings.map(({ field }) => field)).toEqual([
      'messages[0].content[0].provider_state',
      'messages[0].content[0]',
    ]);
  });

  it('with an impossible tail are put on all of the text', () => {
    const state = { provider: 'here', model: 'm', data: Buffer.from('{"thoughtSignature":"s","tail":99}') };
    const content = [{ part: { case: 'text', value: 'ab' } as const, providerState: state }];
    expect(sent(Role.ASSISTANT, content)).toEqual([{ role: 'model', parts: [{ text: 'ab', thoughtSignature: 's' }] }]);
  });
});
