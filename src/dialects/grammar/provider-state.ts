import { Buffer } from 'node:buffer';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type ProviderState, ProviderStateSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { cleanObjectText } from '../../wire/json.ts';

/** What a provider needs to see again with a part, kept as the text of a JSON object. */
export const stateOf = ({ provider, model }: Target, state: JsonObject): ProviderState =>
  create(ProviderStateSchema, { provider, model, data: Buffer.from(JSON.stringify(state)) });

export const isFrom = (state: ProviderState, { provider, model }: Target): boolean =>
  state.provider === provider && state.model === model;

/** What `stateOf` kept for this very target; undefined for any other state, also one that is no JSON object. */
export function stateFor(state: ProviderState | undefined, target: Target): JsonObject | undefined {
  if (!state || !isFrom(state, target)) return undefined;
  return cleanObjectText(Buffer.from(state.data).toString());
}

/** Said of a state that was not sent. */
export const STATE_NOT_SENT =
  'Provider state was not sent: it is from another provider or model, or there is no use for it here.';
