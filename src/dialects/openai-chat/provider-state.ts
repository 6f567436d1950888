import { Buffer } from 'node:buffer';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type ProviderState, ProviderStateSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/call.ts';
import { asArray, asString, cleanJson, cleanObjectText, isJsonObject } from '../../wire/json.ts';

/** What a server of this format wants to see again. Kept as the text of a JSON object. */
export interface ChatState {
  /** Signed or encrypted `reasoning_details`, without the text, which is the part's own. */
  readonly reasoningDetails?: readonly JsonObject[];
  /** A tool call's `extra_content`: the compatible endpoint of Gemini puts its thought signature there. */
  readonly extraContent?: JsonObject;
}

export function writeState({ provider, model }: Target, { reasoningDetails, extraContent }: ChatState): ProviderState {
  const state = {
    ...(reasoningDetails ? { reasoning_details: reasoningDetails } : {}),
    ...(extraContent ? { extra_content: extraContent } : {}),
  };
  return create(ProviderStateSchema, { provider, model, data: Buffer.from(JSON.stringify(state)) });
}

export const isFrom = (state: ProviderState, { provider, model }: Target): boolean =>
  state.provider === provider && state.model === model;

/** What `writeState` wrote for this very target; undefined for any other state, also one that was tampered with. */
export function readState(state: ProviderState | undefined, target: Target): ChatState | undefined {
  if (!state || !isFrom(state, target)) return undefined;
  const read = cleanObjectText(Buffer.from(state.data).toString());
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
