import type { JsonObject } from '@bufbuild/protobuf';
import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import { asString } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';
import { stateFor, stateOf } from '../grammar/provider-state.ts';

/**
 * A reasoning item as it has to be sent back: without its text, which is refused there. Undefined if it is not sealed:
 * nothing is stored to find it by.
 *
 * Source: https://github.com/microsoft/agent-framework-go/pull/784, which quotes the refusals (2026-11-21).
 */
export function sealedItem(item: unknown): JsonObject | undefined {
  const clean = cleanJson(item);
  if (!isJsonObject(clean) || clean.type !== 'reasoning' || asString(clean.encrypted_content) === '') return undefined;
  const { content: _, ...sealed } = clean;
  return sealed;
}

/** What is kept with a reasoning part. */
export const reasoningState = (target: Target, item: JsonObject): ProviderState => stateOf(target, { item });

/** The item that `reasoningState` kept for this very target; undefined for any other state. */
export const readReasoning = (state: ProviderState | undefined, target: Target): JsonObject | undefined =>
  sealedItem(stateFor(state, target)?.item);

/** Whether a message is a step on the way or the last word. A model wants to see it again. */
const phases = ['commentary', 'final_answer'] as const;

export type Phase = (typeof phases)[number];

export const phaseOf = (value: unknown): Phase | undefined => phases.find((phase) => phase === value);

/** What is kept with a text part. */
export const messageState = (target: Target, phase: Phase): ProviderState => stateOf(target, { phase });

export const readPhase = (state: ProviderState | undefined, target: Target): Phase | undefined =>
  phaseOf(stateFor(state, target)?.phase);
