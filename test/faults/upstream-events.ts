import { expect } from 'vitest';
import type { StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import type { Line } from '../support/upstream.ts';
import { type Scene, setScene } from './upstream-scene.ts';

/** One event with this JSON. */
export const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;

/** An event of a chat stream. */
export const piece = (delta: unknown) => data({ choices: [{ index: 0, delta }] });

export const ENDING = data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });

/** What a caller sees, but for what differs from call to call. */
export const seen = (messages: readonly StreamCompleteResponse[]) =>
  messages.map(({ event }) => {
    if (event.case === 'textDelta') return event.value.text;
    if (event.case !== 'toolCallDelta') return event.case;
    const { id, name, argumentsDelta } = event.value;
    return [id, name, argumentsDelta];
  });

/** Plays these bytes as a stream, each piece a chunk of its own. */
export function play(line: Line, pieces: readonly Uint8Array[]): void {
  line.startStream();
  for (const bytes of pieces) if (bytes.length > 0) line.chunk(bytes);
  line.endStream();
}

/** A call that must succeed, and keep the grammar. */
export async function listen(scene: Scene): Promise<StreamCompleteResponse[]> {
  const { messages, error } = await scene.ask('stream');
  expect(error).toBeUndefined();
  expect(checkEvents(messages as StreamCompleteResponse[])).toBeUndefined();
  return messages as StreamCompleteResponse[];
}

/** What a caller sees of a stream of these chunks. */
export const eventsOf = async (...pieces: string[]) => {
  const scene = await setScene((line) =>
    play(
      line,
      pieces.map((text) => Buffer.from(text)),
    ),
  );
  return seen(await listen(scene));
};
