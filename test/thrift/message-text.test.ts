import { isDeepStrictEqual } from 'node:util';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Message, MessageSchema, ProviderStateSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { messageText } from '../../src/thrift/message-text.ts';
import { anyRequest, type PartInit, text, toolCall, toolResult } from '../support/requests.ts';

const ofParts = (...content: PartInit[]) => create(MessageSchema, { role: Role.USER, content });

const media = (value: Extract<NonNullable<PartInit['part']>, { case: 'image' }>['value']): PartInit => ({
  part: { case: 'image', value },
});
const bytes = (...values: number[]) => ({ case: 'data' as const, value: new Uint8Array(values) });

const withState = (provider: string, model: string, byte: number): PartInit => ({
  part: { case: 'text', value: 'ab' },
  providerState: create(ProviderStateSchema, { provider, model, data: new Uint8Array([byte]) }),
});

/** No two of them are alike, though all are nearly. */
const distinct: readonly Message[] = [
  ofParts(text('ab')),
  ofParts(text('a'), text('b')),
  ofParts(text('a,1:b')),
  ofParts(text('')),
  ofParts(),
  { ...ofParts(text('ab')), role: Role.ASSISTANT },
  ofParts({ part: { case: 'refusal', value: 'ab' } }),
  ofParts({ part: { case: 'reasoning', value: { text: 'ab' } } }),
  ofParts(withState('p', 'm', 1)),
  ofParts(withState('p', 'm', 2)),
  ofParts(withState('pm', '', 1)),
  ofParts(toolCall('a')),
  ofParts(toolCall('b')),
  ofParts(toolCall('a', 'other')),
  ofParts({ part: { case: 'toolCall', value: { id: 'a', name: 'look_up', arguments: '{ }' } } }),
  ofParts(toolResult('a')),
  ofParts(toolResult('b')),
  ofParts(toolResult('a', text('x'))),
  ofParts(toolResult('a', text('x'), text(''))),
  ofParts({ part: { case: 'toolResult', value: { toolCallId: 'a', isError: true } } }),
  ofParts(media({ source: bytes(1, 2), mediaType: 'image/png' })),
  ofParts(media({ source: bytes(1), mediaType: 'image/png' })),
  ofParts(media({ source: bytes(1, 2), mediaType: 'image/gif' })),
  ofParts(media({ source: bytes(1, 2), mediaType: 'image/png', filename: 'a.png' })),
  ofParts(media({ source: { case: 'url', value: 'https://example.com/a.png' } })),
  ofParts(media({})),
  ofParts({ part: { case: 'document', value: { source: bytes(1, 2), mediaType: 'image/png' } } }),
  ofParts({}),
];

function withoutHints(parts: Message['content']): void {
  for (const part of parts) {
    delete part.promptCache;
    if (part.part.case === 'toolResult') withoutHints(part.part.value.content);
  }
}

describe('the text of a message', () => {
  it('is another one for each of those that are nearly alike', () => {
    expect(new Set(distinct.map(messageText)).size).toBe(distinct.length);
  });

  it('is the same if, and only if, they are alike but for hints', () => {
    const messages = anyRequest.map(({ messages: [first] }) => first ?? create(MessageSchema));
    fc.assert(
      fc.property(messages, messages, (one, other) => {
        const [first, second] = [structuredClone(one), structuredClone(other)];
        for (const { content } of [first, second]) withoutHints(content);
        expect(messageText(one) === messageText(other)).toBe(isDeepStrictEqual(first, second));
        expect(messageText(one)).toBe(messageText(first));
      }),
    );
  });
});
