import { expect } from 'vitest';
import type { Warning } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { checkEvents, type Delta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import type { Ending } from '../../../src/dialects/dialect.ts';
import { type AnswerQuirks, ChatDecoder } from '../../../src/dialects/openai-chat/decoder.ts';
import { replay } from '../../../src/dialects/openai-chat/replay.ts';
import { asStream } from '../../support/fixtures.ts';

export const target = { provider: 'here', model: 'm' };

export interface Heard {
  readonly deltas: readonly Delta[];
  readonly ending: Ending;
}

const plain: AnswerQuirks = { replayReasoningDetails: false };

/** Hears what is fed to a decoder, and checks the grammar. */
export function hear(feed: (decoder: ChatDecoder) => void, quirks: Partial<AnswerQuirks> = {}): Heard {
  const deltas: Delta[] = [];
  const decoder = new ChatDecoder(target, (delta) => deltas.push(delta), { ...plain, ...quirks });
  feed(decoder);
  const heard = { deltas, ending: decoder.end() };
  expect(checkEvents(asStream(heard))).toBeUndefined();
  return heard;
}

const feedChunks = (chunks: readonly unknown[]) => (decoder: ChatDecoder) => {
  for (const chunk of chunks) decoder.push({ event: '', data: JSON.stringify(chunk) });
};

/** An answer that came as these chunks. */
export const stream = (...chunks: unknown[]): Heard => hear(feedChunks(chunks));

/** The same from a place with quirks. */
export const streamOf = (quirks: Partial<AnswerQuirks>, ...chunks: unknown[]): Heard =>
  hear(feedChunks(chunks), quirks);

/** An answer that came whole. */
export const body = (value: unknown): Heard =>
  hear((decoder) => {
    for (const content of replay(value)) decoder.chunk(content);
  });

/** A stream of these deltas that then stops. */
export const said = (...deltas: unknown[]): Heard =>
  stream(...deltas.map((delta) => ({ choices: [{ delta }] })), { choices: [{ delta: {}, finish_reason: 'stop' }] });

/** The deltas in short: text as it is, the rest with a mark. */
export const short = ({ deltas }: Heard): string[] =>
  deltas.map(({ case: kind, value }) => {
    if (kind === 'textDelta') return value.text;
    if (kind === 'reasoningDelta') return `(${value.text})`;
    if (kind === 'refusalDelta') return `!${value.text}`;
    if (kind === 'toolCallDelta') return `${value.index}:${value.id}:${value.name}:${value.argumentsDelta}`;
    return kind;
  });

/** The content that the pieces make. */
export const parts = ({ deltas }: Heard) => {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return fold.parts.map(({ part }) => part);
};

export const messages = (warnings: readonly Warning[]) => warnings.map(({ message }) => message);

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
