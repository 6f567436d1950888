import type { JsonObject } from '@bufbuild/protobuf';
import type { ToolCall } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { adjusted, dropped } from '../../core/warnings.ts';
import { argumentsObject } from '../grammar/arguments-object.ts';
import { invalid } from '../grammar/invalid.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { STATE_NOT_SENT } from '../grammar/provider-state.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { textPart } from './parts.ts';
import { readSignature, type Signature } from './provider-state.ts';
import type { GeminiQuirks } from './quirks.ts';

/** What the wire's form of a conversation depends on, besides the conversation. */
export interface Setting {
  readonly target: Target;
  readonly quirks: GeminiQuirks;
  readonly warnings: Warnings;
  /** A tool call's id as the wire takes it. */
  readonly wireId: (id: string) => string;
}

/**
 * Stands where a signature is missing: the first function call of an answer needs one. Sources: the npm package
 * @earendil-works/pi-ai 1.5.2, dist/api/google-shared.js; https://github.com/RooCodeInc/Roo-Code/pull/10331 (2026-11-21).
 */
const NO_SIGNATURE = 'skip_thought_signature_validator';

/** One earlier answer of the model. Empty: nothing of it can be sent. */
export function modelParts(parts: readonly PlacedPart[], setting: Setting): JsonObject[] {
  const firstCall = parts.findIndex(({ part }) => part.case === 'toolCall');
  return parts.flatMap((part, i) => modelPart(part, i === firstCall, setting));
}

function modelPart({ part, whole, path }: PlacedPart, isFirstCall: boolean, setting: Setting): JsonObject[] {
  const { target, warnings } = setting;
  const signature = readSignature(whole.providerState, target);
  const unused = whole.providerState !== undefined && (!signature || part.case === 'refusal');
  if (unused && part.case !== 'reasoning') warnings.add(dropped(`${path}.provider_state`, STATE_NOT_SENT));
  switch (part.case) {
    case 'text':
      return signedText(part.value, signature, {});
    case 'reasoning':
      if (signature) return signedText(part.value.text, signature, { thought: true });
      warnings.add(dropped(path, 'Earlier reasoning was not sent: it is not signed by this provider and model.'));
      return [];
    case 'refusal':
      warnings.add(adjusted(path, 'A refusal was sent as text: the provider has no part for it.'));
      return signedText(part.value, undefined, {});
    case 'toolCall':
      return [functionCall(part.value, path, signature, isFirstCall, setting)];
    default:
      throw invalid(path, 'is not a part that an assistant message may have');
  }
}

/** A text in the parts that it came in. Without a signature, an empty one says nothing. */
function signedText(text: string, signature: Signature | undefined, kind: JsonObject): JsonObject[] {
  if (!signature) return text === '' ? [] : [{ ...textPart(text), ...kind }];
  const at = Math.max(0, text.length - (signature.tail ?? text.length));
  const signed = { ...textPart(text.slice(at)), ...kind, thoughtSignature: signature.value };
  return at === 0 ? [signed] : [{ ...textPart(text.slice(0, at)), ...kind }, signed];
}

function functionCall(
  { id, name, arguments: text }: ToolCall,
  path: string,
  signature: Signature | undefined,
  isFirst: boolean,
  { quirks, warnings, wireId }: Setting,
): JsonObject {
  const args = argumentsObject(text, path, warnings);
  const thoughtSignature = signature?.value ?? (isFirst && quirks.signedCalls ? NO_SIGNATURE : undefined);
  return {
    functionCall: { id: wireId(id), name: name.toWellFormed(), args },
    ...(thoughtSignature === undefined ? {} : { thoughtSignature }),
  };
}
