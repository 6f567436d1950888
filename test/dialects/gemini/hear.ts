import { expect } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { checkEvents, type Delta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { GeminiDecoder } from '../../../src/dialects/gemini/decoder.ts';
import { asStream, type Heard } from '../../support/fixtures.ts';

export const target = { provider: 'here', model: 'm' };

/** Hears what is fed to a decoder, and checks the grammar. */
function hear(feed: (decoder: GeminiDecoder) => void): Heard {
  const deltas: Delta[] = [];
  const decoder = new GeminiDecoder(target, (delta) => deltas.push(delta));
  feed(decoder);
  const heard = { deltas, ending: decoder.end() };
  expect(checkEvents(asStream(heard))).toBeUndefined();
  return heard;
}

/** An answer that came as these chunks. */
export const stream = (...chunks: unknown[]): Heard =>
  hear((decoder) => {
    for (const chunk of chunks) decoder.push({ event: '', data: JSON.stringify(chunk) });
  });

/** An answer that came whole. */
export const body = (content: unknown): Heard => hear((decoder) => decoder.chunk(content));

export const candidate = (parts: unknown[], more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
});

/** A stream with a chunk for each of these parts, which then stops. */
export const said = (...parts: unknown[]): Heard =>
  stream(...parts.map((part) => candidate([part])), candidate([], { finishReason: 'STOP' }));

/** The deltas in short: text as it is, the rest with a mark; "*" stands for state. */
export const short = ({ deltas }: Heard): string[] =>
  deltas.map(({ case: kind, value }) => {
    const mark = 'providerState' in value && value.providerState ? '*' : '';
    if (kind === 'textDelta') return `${value.text}${mark}`;
    if (kind === 'reasoningDelta') return `(${value.text})${mark}`;
    if (kind === 'toolCallDelta') return `${value.index}:${value.id}:${value.name}:${value.argumentsDelta}${mark}`;
    return kind;
  });

/** The parts that the pieces make. */
export function folded({ deltas }: Heard) {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return [...fold.parts];
}

/** The GatewayError that it fails with. */
export function failureOf(act: () => unknown): GatewayError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('It did not fail.');
}
