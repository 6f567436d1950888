import type { JsonObject } from '@bufbuild/protobuf';
import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import { asString } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { stateFor, stateOf } from '../grammar/provider-state.ts';

/** The signature of a thinking block; empty if it has none, which tells it from the block after it all the same. */
export const signedState = (target: Target, signature: string): ProviderState =>
  stateOf(target, { signature: signature.toWellFormed() });

/** A block of thinking that only the provider can read. */
export const redactedState = (target: Target, data: string): ProviderState =>
  stateOf(target, { redacted: data.toWellFormed() });

/** The block that a reasoning part came from, unchanged; undefined if it was not signed for this very target. */
export function thinkingBlock(text: string, state: ProviderState | undefined, target: Target): JsonObject | undefined {
  const read = stateFor(state, target);
  const signature = asString(read?.signature);
  const data = asString(read?.redacted);
  if (signature !== '') return { type: 'thinking', thinking: text.toWellFormed(), signature };
  return data === '' ? undefined : { type: 'redacted_thinking', data };
}
