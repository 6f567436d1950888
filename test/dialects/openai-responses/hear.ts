import { expect } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { checkEvents, type Delta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { ResponsesDecoder } from '../../../src/dialects/openai-responses/decoder.ts';
import { replay } from '../../../src/dialects/openai-responses/replay.ts';
import { asStream, type Heard } from '../../support/fixtures.ts';

export const target = { provider: 'here', model: 'm' };

/** Hears what is fed to a decoder, and checks the grammar. */
function hear(feed: (decoder: ResponsesDecoder) => void): Heard {
  const deltas: Delta[] = [];
  const decoder = new ResponsesDecoder(target, (delta) => deltas.push(delta));
  feed(decoder);
  const heard = { deltas, ending: decoder.end() };
  expect(checkEvents(asStream(heard))).toBeUndefined();
  return heard;
}

/** An answer that came as these events; a text is one that is no JSON. */
export const stream = (...events: (object | string)[]): Heard =>
  hear((decoder) => {
    for (const event of events)
      decoder.push({ event: '', data: typeof event === 'string' ? event : JSON.stringify(event) });
  });

/** An answer that came whole. */
export const body = (value: unknown): Heard =>
  hear((decoder) => {
    for (const content of replay(value)) decoder.chunk(content);
  });

/** A response of these items. */
export const response = (output: readonly unknown[] = [], more: object = {}) => ({
  object: 'response',
  id: 'resp_1',
  model: 'm-1',
  status: 'completed',
  output,
  ...more,
});

/** The event that ends a stream well. */
export const completed = (output: readonly unknown[] = [], more: object = {}) => ({
  type: 'response.completed',
  response: response(output, more),
});

/** The content that the pieces make. */
export const parts = ({ deltas }: Heard) => {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return fold.parts;
};

/** The content in short: text as it is, the rest with a mark; "*" has state. */
export const short = (heard: Heard): string[] =>
  parts(heard).map(({ part, providerState }) => {
    const mark = providerState ? '*' : '';
    if (part.case === 'reasoning') return `(${part.value.text})${mark}`;
    if (part.case === 'refusal') return `!${part.value}`;
    if (part.case === 'toolCall') return `${part.value.id}:${part.value.name}:${part.value.arguments}`;
    return `${String(part.value)}${mark}`;
  });

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
