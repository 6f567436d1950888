import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Part, ProviderStateSchema } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, reasoningDelta, refusalDelta, textDelta, toolCallDelta } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import { deltasOf } from '../../src/core/replay.ts';

const state = create(ProviderStateSchema, { provider: 'p', model: 'm', data: new Uint8Array([1]) });

const fold = (deltas: Iterable<Delta>): readonly Part[] => {
  const folded = new Fold();
  for (const delta of deltas) folded.add(delta);
  return folded.parts;
};

it('gives the same content again, in messages of a bounded size and without half characters', () => {
  const words = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.integer({ min: 8_180, max: 20_000 }).map((length) => `a${'😀'.repeat(length)}`),
  );
  const states = fc.constantFrom(undefined, state);
  const piece = fc.oneof(
    fc.tuple(words, states).map(([text, one]) => [textDelta(text, one)]),
    fc.tuple(words, states).map(([text, one]) => [reasoningDelta(text, one)]),
    words.map((text) => [refusalDelta(text)]),
    fc.tuple(words, states).map(([text, one]) => ({ text, one })),
  );
  const property = fc.property(fc.array(piece, { maxLength: 8 }), (each) => {
    let calls = 0;
    const deltas = each.flatMap((one) => {
      if (Array.isArray(one)) return one;
      const index = calls++;
      return [
        toolCallDelta(index, '', { id: `c${index}`, name: 'f' }),
        toolCallDelta(index, one.text, undefined, one.one),
      ];
    });
    const parts = fold(deltas);
    const again = [...deltasOf(parts)];
    expect(fold(again)).toEqual(parts);
    for (const { value } of again) {
      const text = 'argumentsDelta' in value ? value.argumentsDelta : 'text' in value ? value.text : '';
      expect(text.isWellFormed() && text.length <= 2 * 8_192).toBe(true);
    }
  });
  fc.assert(property, { numRuns: 50 });
});
