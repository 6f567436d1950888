import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CompleteResponseSchema,
  PartSchema,
  StartSchema,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { checkEvents, type StreamEvent, textDelta, toolCallDelta } from '../../src/core/events.ts';
import { deltasWithRestarts, restart } from '../support/requests.ts';

type Event = StreamCompleteResponse['event'];

const start: StreamEvent = { case: 'start', value: create(StartSchema) };
const completed: StreamEvent = { case: 'completed', value: create(CompleteResponseSchema) };
const withContent: StreamEvent = {
  case: 'completed',
  value: create(CompleteResponseSchema, {
    content: [create(PartSchema, { part: { case: 'text', value: 'x' } })],
  }),
};
const nothing: Event = { case: undefined };
const first = (index: number) => toolCallDelta(index, '', { id: `c${index}`, name: 'f' });
const more = (index: number) => toolCallDelta(index, 'x');
const nameless = toolCallDelta(0, '', { id: 'c0', name: '' });
const idless = toolCallDelta(0, '', { id: '', name: 'f' });

const numbered = (events: readonly Event[]): StreamCompleteResponse[] =>
  events.map((event, i) => {
    const message = create(StreamCompleteResponseSchema, { sequence: BigInt(i) });
    message.event = event;
    return message;
  });

describe('checkEvents', () => {
  it.each<[string, Event[]]>([
    ['no content', [start, completed]],
    ['text', [start, textDelta('a'), textDelta(''), completed]],
    ['two tool calls that alternate', [start, first(0), more(0), first(1), more(0), more(1), completed]],
    ['a restart, after which tool calls are counted anew', [start, first(0), restart(), first(0), completed]],
  ])('accepts %s', (_, events) => {
    expect(checkEvents(numbered(events))).toBeUndefined();
  });

  it.each<[string, Event[]]>([
    ['nothing at all', []],
    ['a start alone', [start]],
    ['an end alone', [completed]],
    ['no start', [textDelta('a'), completed]],
    ['two starts', [start, start, completed]],
    ['a late start', [start, textDelta('a'), start, completed]],
    ['no end', [start, textDelta('a')]],
    ['two ends', [start, completed, completed]],
    ['something after the end', [start, completed, textDelta('a')]],
    ['an end with content', [start, withContent]],
    ['a message without an event first', [nothing, completed]],
    ['a message without an event in between', [start, nothing, completed]],
    ['a message without an event last', [start, nothing]],
    ['a tool call that skips an index', [start, first(1), completed]],
    ['a tool call without its first delta', [start, more(0), completed]],
    ['a tool call that begins twice', [start, first(0), first(0), completed]],
    ['a tool call without a name', [start, nameless, completed]],
    ['a tool call without an id', [start, idless, completed]],
    ['a tool call from before a restart', [start, first(0), restart(), more(0), completed]],
  ])('refuses %s', (_, events) => {
    expect(checkEvents(numbered(events))).toBeTypeOf('string');
  });

  it.each([
    ['a gap', [0n, 2n]],
    ['a repetition', [0n, 0n]],
    ['another beginning', [1n, 2n]],
  ])('refuses %s in the sequence', (_, sequence) => {
    const messages = numbered([start, completed]);
    for (const [i, message] of messages.entries()) message.sequence = sequence[i] ?? 0n;
    expect(checkEvents(messages)).toMatch(/sequence/);
  });

  it('accepts any deltas that keep the grammar, and no beginning of them', () => {
    fc.assert(
      fc.property(deltasWithRestarts, fc.nat(), (deltas, cut) => {
        const messages = numbered([start, ...deltas, completed]);
        expect(checkEvents(messages)).toBeUndefined();
        expect(checkEvents(messages.slice(0, cut % messages.length))).toBeTypeOf('string');
      }),
    );
  });
});
