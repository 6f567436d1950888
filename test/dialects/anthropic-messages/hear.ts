import { expect } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { checkEvents, type Delta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { MessagesDecoder } from '../../../src/dialects/anthropic-messages/decoder.ts';
import { replay } from '../../../src/dialects/anthropic-messages/replay.ts';
import type { Ending } from '../../../src/dialects/dialect.ts';
import { asStream } from '../../support/fixtures.ts';

export const target = { provider: 'here', model: 'm' };

export interface Heard {
  readonly deltas: readonly Delta[];
  readonly ending: Ending;
}

function hear(feed: (decoder: MessagesDecoder) => void): Heard {
  const deltas: Delta[] = [];
  const decoder = new MessagesDecoder(target, (delta) => deltas.push(delta));
  feed(decoder);
  const heard = { deltas, ending: decoder.end() };
  expect(checkEvents(asStream(heard))).toBeUndefined();
  return heard;
}

/** An answer that came as these events. */
export const stream = (...events: readonly object[]): Heard =>
  hear((decoder) => {
    for (const event of events) decoder.push({ event: '', data: JSON.stringify(event) });
  });

/** An answer that came whole. */
export const body = (value: unknown): Heard =>
  hear((decoder) => {
    for (const content of replay(value)) decoder.chunk(content);
  });

export const start = (usage: object = {}): object => ({
  type: 'message_start',
  message: { id: 'msg_1', model: 'm-1', usage },
});

/** The events of one block. */
export const block = (index: number, content: object, ...deltas: readonly object[]): object[] => [
  { type: 'content_block_start', index, content_block: content },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
];

export const end = (reason: string | null = 'end_turn', usage: object = {}): object[] => [
  { type: 'message_delta', delta: { stop_reason: reason }, usage },
  { type: 'message_stop' },
];

/** A whole stream of these events of blocks. */
export const said = (...events: readonly object[]): Heard => stream(start(), ...events, ...end());

/** The deltas in short: text as it is, the rest with a mark. */
export const short = ({ deltas }: Heard): string[] =>
  deltas.map(({ case: kind, value }) => {
    if (kind === 'textDelta') return value.text;
    if (kind === 'reasoningDelta') return `(${value.text}${state(value.providerState?.data)})`;
    if (kind === 'refusalDelta') return `!${value.text}`;
    if (kind === 'toolCallDelta') return `${value.index}:${value.id}:${value.name}:${value.argumentsDelta}`;
    return kind;
  });

const state = (data: Uint8Array | undefined): string => (data ? ` ${Buffer.from(data).toString()}` : '');

/** The content that the pieces make. */
export const parts = ({ deltas }: Heard) => {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return fold.parts;
};

/** The GatewayError that it fails with. */
export const failure = (act: () => unknown): GatewayError => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('It did not fail.');
};
