import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CompleteResponseSchema,
  FinishReason,
  PartSchema,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { newTrail } from '../../src/core/call.ts';
import { checkEvents, textDelta } from '../../src/core/events.ts';
import { dropped, mocked } from '../../src/core/warnings.ts';
import { StreamWriter } from '../../src/services/stream.ts';
import { helloResponse } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { deltasWithRestarts, inboundOf, listOut, restart } from '../support/requests.ts';

function writer() {
  const out = listOut();
  const trail = newTrail();
  const clock = fakeClock();
  const sink = new StreamWriter(out, inboundOf(), trail, clock);
  return { out, trail, clock, sink };
}

const cases = (messages: readonly StreamCompleteResponse[]) => messages.map(({ event }) => event.case);

describe('StreamWriter', () => {
  it('keeps the grammar whatever a backend says, and passes on all of it', () => {
    fc.assert(
      fc.property(deltasWithRestarts, (deltas) => {
        const { out, sink } = writer();
        for (const delta of deltas) sink.emit(delta);
        sink.completed(helloResponse());
        expect(checkEvents(out.messages)).toBeUndefined();
        expect(out.messages.slice(1, -1).map(({ event }) => event)).toEqual(deltas);
      }),
    );
  });

  it('writes nothing before the first content', () => {
    const { out, sink } = writer();
    expect(sink.committed).toBe(false);
    expect(out.messages).toEqual([]);
    sink.emit(textDelta('a'));
    expect(sink.committed).toBe(true);
    expect(cases(out.messages)).toEqual(['start', 'textDelta']);
  });

  it('starts with what is known by then', () => {
    const { out, sink, trail } = writer();
    trail.target = { provider: 'mock', model: 'echo' };
    trail.warnings.push(mocked());
    sink.emit(textDelta('a'));
    trail.warnings.push(dropped('top_k', 'later'));
    expect(out.messages[0]?.event.value).toMatchObject({
      id: 'call-1',
      provider: 'mock',
      model: 'echo',
      context: inboundOf().context,
      warnings: [mocked()],
    });
  });

  it('notes when the first content came, once', () => {
    const { sink, trail, clock } = writer();
    clock.advance(30);
    expect(trail.firstTokenAtMs).toBeUndefined();
    sink.emit(textDelta('a'));
    clock.advance(30);
    sink.emit(textDelta('b'));
    expect(trail.firstTokenAtMs).toBe(1_030);
  });

  it('goes on after a restart, which changes neither how it began nor when', () => {
    const { out, sink, trail, clock } = writer();
    trail.target = { provider: 'one', model: 'a' };
    sink.emit(textDelta('a'));
    clock.advance(30);
    trail.target = { provider: 'two', model: 'b' };
    sink.emit(restart());
    sink.emit(textDelta('b'));
    sink.completed(helloResponse());
    expect(cases(out.messages)).toEqual(['start', 'textDelta', 'restart', 'textDelta', 'completed']);
    expect(out.messages[0]?.event.value).toMatchObject({ provider: 'one', model: 'a' });
    expect(trail.firstTokenAtMs).toBe(1_000);
    expect(checkEvents(out.messages)).toBeUndefined();
  });

  it('ends with everything but the content, and leaves the response as it is', () => {
    const { out, sink } = writer();
    const response = create(CompleteResponseSchema, {
      ...helloResponse(),
      model: 'echo',
      content: [create(PartSchema, { part: { case: 'text', value: 'a' } })],
    });
    sink.emit(textDelta('a'));
    sink.completed(response);
    expect(out.messages.at(-1)?.event.value).toMatchObject({
      $typeName: 'antiphon.v1.CompleteResponse',
      content: [],
      finishReason: FinishReason.STOP,
      model: 'echo',
    });
    expect(response.content).toHaveLength(1);
  });

  it('tells whether the caller has room, and when it has again', async () => {
    const { out, sink } = writer();
    expect(sink.emit(textDelta('a'))).toBe(true);
    out.room = false;
    expect(sink.emit(textDelta('b'))).toBe(false);
    await sink.ready();
  });

  it('writes nothing after the end', () => {
    const { out, sink } = writer();
    sink.emit(textDelta('a'));
    sink.completed(helloResponse());
    sink.emit(textDelta('late'));
    sink.completed(helloResponse());
    expect(checkEvents(out.messages)).toBeUndefined();
  });
});
