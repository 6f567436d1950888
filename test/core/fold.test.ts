import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Part, type ProviderState, ProviderStateSchema } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, reasoningDelta, refusalDelta, textDelta, toolCallDelta } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import { deltasArbitrary, deltasWithRestarts, restart } from '../support/requests.ts';

const state = (provider: string): ProviderState => create(ProviderStateSchema, { provider });

function fold(deltas: readonly Delta[]): readonly Part[] {
  const whole = new Fold();
  for (const delta of deltas) whole.add(delta);
  return whole.parts;
}

/** The parts in a few words: kind, text, and "!" where there is provider state. */
const brief = (parts: readonly Part[]): string[] =>
  parts.map(({ part, providerState }) => `${part.case}:${textOf(part)}${providerState ? '!' : ''}`);

function textOf(part: Part['part']): string {
  if (part.case === 'toolCall') return `${part.value.id}/${part.value.name}/${part.value.arguments}`;
  if (part.case === 'reasoning') return part.value.text;
  return part.case === 'text' || part.case === 'refusal' ? part.value : '?';
}

/** Cuts a text at these places; the pieces may be empty. */
function cut(text: string, places: readonly number[]): string[] {
  const at = places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b);
  return [...at, text.length].map((end, i) => text.slice(at[i - 1] ?? 0, end));
}

/** The same delta in several: what stands at the beginning stays in the first, the state in the last. */
function split(delta: Delta, places: readonly number[]): Delta[] {
  switch (delta.case) {
    case 'textDelta':
    case 'reasoningDelta': {
      const make = delta.case === 'textDelta' ? textDelta : reasoningDelta;
      const pieces = cut(delta.value.text, places);
      return pieces.map((piece, i) => make(piece, i === pieces.length - 1 ? delta.value.providerState : undefined));
    }
    case 'refusalDelta':
      return cut(delta.value.text, places).map((piece) => refusalDelta(piece));
    case 'toolCallDelta': {
      const { index, id, name, argumentsDelta } = delta.value;
      return cut(argumentsDelta, places).map((piece, i) =>
        toolCallDelta(index, piece, i === 0 && id !== '' ? { id, name } : undefined),
      );
    }
    case 'restart':
      return [delta];
  }
}

describe('Fold', () => {
  it('gives the same parts however the same text is split', () => {
    fc.assert(
      fc.property(deltasWithRestarts, fc.array(fc.nat(50), { maxLength: 4 }), (deltas, places) => {
        const pieces = deltas.flatMap((delta) => split(delta, places));
        expect(fold(pieces)).toEqual(fold(deltas));
      }),
    );
  });

  it('loses and invents no text', () => {
    fc.assert(
      fc.property(deltasArbitrary, (deltas) => {
        const given = deltas.map((delta) =>
          'text' in delta.value ? delta.value.text : 'index' in delta.value ? delta.value.argumentsDelta : '',
        );
        const kept = fold(deltas).map(({ part }) => (part.case === 'toolCall' ? part.value.arguments : textOf(part)));
        expect([...kept.join('')].toSorted()).toEqual([...given.join('')].toSorted());
      }),
    );
  });

  it('forgets all that was before a restart', () => {
    fc.assert(
      fc.property(deltasWithRestarts, deltasArbitrary, (before, after) => {
        expect(fold([...before, restart(), ...after])).toEqual(fold(after));
      }),
    );
  });

  it('lets tool calls alternate: only the order within each counts', () => {
    const begin = [toolCallDelta(0, '', { id: 'a', name: 'f' }), toolCallDelta(1, '', { id: 'b', name: 'g' })];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.string())), (pieces) => {
        const mixed = pieces.map(([index, text]) => toolCallDelta(index, text));
        const sorted = mixed.toSorted((x, y) => indexOf(x) - indexOf(y));
        expect(fold([...begin, ...mixed])).toEqual(fold([...begin, ...sorted]));
      }),
    );
  });

  it.each<[string, Delta[], string[]]>([
    ['nothing', [], []],
    ['consecutive deltas of a kind', [textDelta('a'), textDelta('b')], ['text:ab']],
    [
      'changes of kind',
      [textDelta('a'), reasoningDelta('b'), refusalDelta('c'), textDelta('d')],
      ['text:a', 'reasoning:b', 'refusal:c', 'text:d'],
    ],
    ['provider state, which closes its part', [textDelta('a', state('p')), textDelta('b')], ['text:a!', 'text:b']],
    [
      'reasoning with state at its end',
      [reasoningDelta('a'), reasoningDelta('', state('p')), reasoningDelta('b')],
      ['reasoning:a!', 'reasoning:b'],
    ],
    ['hidden reasoning', [reasoningDelta('', state('p'))], ['reasoning:!']],
    [
      'text around a tool call',
      [textDelta('a'), toolCallDelta(0, '{', { id: 'c', name: 'f' }), textDelta('b'), toolCallDelta(0, '}')],
      ['text:a', 'toolCall:c/f/{}', 'text:b'],
    ],
  ])('folds %s', (_, deltas, parts) => {
    expect(brief(fold(deltas))).toEqual(parts);
  });

  it('keeps the state of a tool call, whichever delta brings it', () => {
    const sealed = toolCallDelta(0, '}');
    if (sealed.case === 'toolCallDelta') sealed.value.providerState = state('p');
    const deltas = [toolCallDelta(0, '{', { id: 'c', name: 'f' }), sealed, toolCallDelta(0, ' ')];
    expect(brief(fold(deltas))).toEqual(['toolCall:c/f/{} !']);
  });
});

const indexOf = (delta: Delta): number => (delta.case === 'toolCallDelta' ? delta.value.index : -1);
