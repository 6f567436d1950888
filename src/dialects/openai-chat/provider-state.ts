import type { JsonObject } from '@bufbuild/protobuf';
import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import { asArray, asString } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';
import { stateFor, stateOf } from '../grammar/provider-state.ts';

/** What a server of this format wants to see again. Kept as the text of a JSON object. */
export interface ChatState {
  /** `reasoning_details`, without the text, which is the part's own. */
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

/** The details with the text put back to where it was. */
export const replayDetails = (details: readonly JsonObject[], text: string): readonly JsonObject[] =>
  details.map((detail) => {
    const field = textFields[asString(detail.type)];
    return field ? { ...detail, [field]: text.toWellFormed() } : detail;
  });

/** Which field of a kind of detail holds the text. */
const textFields: Readonly<Record<string, string>> = {
  'reasoning.text': 'text',
  'reasoning.summary': 'summary',
};
