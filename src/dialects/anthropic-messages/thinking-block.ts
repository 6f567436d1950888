import { reasoningDelta } from '../../core/events.ts';
import { asString, type UnknownObject } from '../../core/json.ts';
import { TextStream } from '../grammar/text-stream.ts';
import type { Block, Hearing } from './block.ts';
import { redactedState, signedState } from './provider-state.ts';

/** Its signature comes last and closes the part. Where a model hides what it thinks, there is nothing else. */
export function thinkingBlock(start: UnknownObject, { target, emit }: Hearing): Block {
  let signature = asString(start.signature);
  let heard = false;
  const text = new TextStream((piece) => {
    heard = true;
    emit(reasoningDelta(piece));
  });
  text.push(asString(start.thinking));
  return {
    delta(piece) {
      if (piece.type === 'thinking_delta') text.push(asString(piece.thinking));
      else if (piece.type === 'signature_delta') signature = asString(piece.signature) || signature;
    },
    stop() {
      text.flush();
      if (heard || signature !== '') emit(reasoningDelta('', signedState(target, signature)));
    },
  };
}

/** Thinking that only the provider can read comes whole. */
export function redactedBlock(start: UnknownObject, { target, emit }: Hearing): Block {
  const data = asString(start.data);
  return {
    delta() {},
    stop() {
      if (data !== '') emit(reasoningDelta('', redactedState(target, data)));
    },
  };
}
