import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamCompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { StreamCheck } from '../../bench/load/check.ts';
import { EnvelopeReader, enveloped } from '../../bench/load/envelopes.ts';
import { percentile } from '../../bench/load/loop.ts';
import { afterMs, answerModel, behaviourOf, hangModel, streamModel, textOf, words } from '../../bench/workload.ts';

describe('behaviourOf', () => {
  it.each([
    [answerModel, { kind: 'answer', afterMs: 0 }],
    [hangModel(7), { kind: 'hang', afterMs: 0 }],
    [streamModel(500, 50), { kind: 'stream', tokens: 500, tokensPerSecond: 50, afterMs: 0 }],
    [streamModel(3, 0, 12), { kind: 'stream', tokens: 3, tokensPerSecond: 0, afterMs: 0 }],
    [afterMs(2000, answerModel), { kind: 'answer', afterMs: 2000 }],
    [afterMs(30, streamModel(3, 9, 1)), { kind: 'stream', tokens: 3, tokensPerSecond: 9, afterMs: 30 }],
  ])('reads %s', (model, behaviour) => expect(behaviourOf(model)).toEqual(behaviour));

  it('refuses any other name', () => expect(() => behaviourOf('gpt-5')).toThrow('no such model'));
});

describe('EnvelopeReader', () => {
  it('gives the same messages however the bytes are cut', () => {
    const message = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(fc.array(message), fc.integer({ min: 1, max: 50 }), (messages, size) => {
        const bytes = Buffer.concat(messages.map(enveloped));
        const read: Uint8Array[] = [];
        const reader = new EnvelopeReader((_, each) => read.push(Uint8Array.from(each)));
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
        expect(read).toEqual(messages);
      }),
    );
  });
});

describe('percentile', () => {
  it.each([
    [0.5, 3],
    [0.99, 5],
    [0, 1],
  ])('at %d', (share, expected) => expect(percentile([1, 2, 3, 4, 5], share)).toBe(expected));
});

describe('StreamCheck', () => {
  const model = streamModel(2, 0);
  const token = (i: number) => ({ case: 'textDelta' as const, value: { text: words[i] ?? '' } });
  const completed = { case: 'completed' as const, value: {} };
  const restart = { case: 'restart' as const, value: {} };

  const check = (...events: (ReturnType<typeof token> | typeof completed | typeof restart)[]) => {
    const stream = new StreamCheck();
    for (const [i, event] of events.entries()) {
      stream.message(
        toBinary(StreamCompleteResponseSchema, create(StreamCompleteResponseSchema, { sequence: BigInt(i), event })),
      );
    }
    return stream.end(model);
  };

  it('takes a whole stream', () => expect(check(token(0), token(1), completed)).toBeUndefined());
  it('takes one that began anew', () =>
    expect(check(token(0), restart, token(0), token(1), completed)).toBeUndefined());
  it.each([
    ['a token is missing', [token(0), completed], 'text'],
    ['tokens are swapped', [token(1), token(0), completed], 'text'],
    ['the end is missing', [token(0), token(1)], 'without completed'],
  ])('objects when %s', (_, events, problem) => expect(check(...events)).toContain(problem));

  it('objects when the sequence has a gap', () => {
    const stream = new StreamCheck();
    const message = create(StreamCompleteResponseSchema, { sequence: 1n, event: completed });
    stream.message(toBinary(StreamCompleteResponseSchema, message));
    expect(stream.end(model)).toContain('sequence');
  });

  it('knows the text of a stream', () => expect(textOf(2)).toBe(`${words[0]}${words[1]}`));
});
