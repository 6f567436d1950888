import type { JsonObject } from '@bufbuild/protobuf';
import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/call.ts';
import { asArray, asString, cleanJson, isJsonObject } from '../../wire/json.ts';
import { stateFor, stateOf } from '../grammar/provider-state.ts';

/** What a server of this format wants to see again. Kept as the text of a JSON object. */
export interface ChatState {
  /** Signed or encrypted `reasoning_details`, without the text, which is the part's own. */
  readonly reasoningDetails?: readonly JsonObject[];
  /** A tool call's `extra_content`: the compatible endpoint of Gemini puts its thought signature there. */
  readonly extraContent?: JsonObject;
}

export function writeState(target: Target, { reasoningDetails, extraContent }: ChatState): ProviderState {
  const state = {
    ...(reasoningDetails ? { reasoning_details: [...reasoningDetails] } : {}),
    ...(extraContent ? { extra_content: extraContent } : {}),
  };
  return stateOf(target, state);
}

/** What `writeState` wrote for this very target; undefined for any other state, also one that was tampered with. */
export function readState(state: ProviderState | undefined, target: Target): ChatState | undefined {
  const read = stateFor(state, target);
  if (!read) return undefined;
  const reasoningDetails = asArray(read.reasoning_details).filter(isObject);
  return {
    ...(reasoningDetails.length > 0 ? { reasoningDetails } : {}),
    ...(isJsonObject(read.extra_content) ? { extraContent: read.extra_content } : {}),
  };
}

const isObject = (value: unknown): value is JsonObject => isJsonObject(cleanJson(value));

/** The details that only the provider can read; others say nothing that the reasoning's text does not. */
export function sealedDetails(details: readonly unknown[]): readonly JsonObject[] {
  return details.flatMap((detail) => {
    const clean = cleanJson(detail);
    if (!isJsonObject(clean) || (asString(clean.signature) === '' && asString(clean.data) === '')) return [];
    const { text: _, ...sealed } = clean;
    return [sealed];
  });
}

/** The details with the text put back to where it was signed. */
export const replayDetails = (details: readonly JsonObject[], text: string): readonly JsonObject[] =>
  details.map((detail) => (detail.type === 'reasoning.text' ? { ...detail, text: text.toWellFormed() } : detail));
