import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { estimateUsage } from '../../src/core/usage.ts';
import { assistant, type PartInit, requestOf, text, toolResult, user } from '../support/requests.ts';

const said = (...content: PartInit[]) => requestOf({ messages: [user(...content)] });
const part = (init: PartInit) => create(PartSchema, init);

describe('estimateUsage', () => {
  it.each<[string, ReturnType<typeof said>, bigint]>([
    ['no text', said(text('')), 0n],
    ['4 characters', said(text('abcd')), 1n],
    ['5 characters', said(text('abcde')), 2n],
    ['several parts, rounded once', said(text('ab'), text('cd')), 1n],
    ['a refusal', requestOf({ messages: [assistant({ part: { case: 'refusal', value: 'abcd' } })] }), 1n],
    ['reasoning', requestOf({ messages: [assistant({ part: { case: 'reasoning', value: { text: 'abcd' } } })] }), 1n],
    [
      'a tool call by its name and arguments',
      requestOf({
        messages: [assistant({ part: { case: 'toolCall', value: { id: 'ignored', name: 'ab', arguments: '{}' } } })],
      }),
      1n,
    ],
    [
      'a tool result by what is in it',
      requestOf({ messages: [{ role: Role.TOOL, content: [toolResult('ignored', text('abcd'))] }] }),
      1n,
    ],
    [
      'a picture as a thousand tokens',
      said({ part: { case: 'image', value: { source: { case: 'data', value: new Uint8Array(9) } } } }),
      1_000n,
    ],
    ['a part of no kind', said({}), 0n],
    [
      'tools by all their text',
      requestOf({ messages: [], tools: [{ name: 'ab', description: 'cd', parameters: '{"":0}ab' }] }),
      3n,
    ],
  ])('counts %s', (_, request, tokens) => {
    expect(estimateUsage(request, [])).toMatchObject({ inputTokens: tokens, outputTokens: 0n, totalTokens: tokens });
  });

  it('counts input and output apart, sums them, and says that it guesses', () => {
    expect(estimateUsage(said(text('abcd')), [part(text('abcdefgh'))])).toMatchObject({
      inputTokens: 1n,
      outputTokens: 2n,
      totalTokens: 3n,
      estimated: true,
    });
  });

  it('never counts less for more text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (some, more) => {
        const { outputTokens } = estimateUsage(said(), [part(text(some))]);
        expect(estimateUsage(said(), [part(text(some)), part(text(more))]).outputTokens >= outputTokens).toBe(true);
      }),
    );
  });
});
