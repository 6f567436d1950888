import type { JsonObject } from '@bufbuild/protobuf';
import type { ToolCall } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { dropped } from '../../core/warnings.ts';
import { invalid } from '../grammar/invalid.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { STATE_NOT_SENT } from '../grammar/provider-state.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { type Phase, readPhase, readReasoning } from './provider-state.ts';

/** What an earlier answer's items depend on, besides its parts. */
export interface AnswerSetting {
  readonly target: Target;
  readonly warnings: Warnings;
  /** A tool call's id as the wire takes it. */
  readonly wireId: (id: string) => string;
}

/** One earlier answer of the model as items, in the order of its parts. */
export function answerItems(parts: readonly PlacedPart[], setting: AnswerSetting): JsonObject[] {
  const lastSaid = parts.findLastIndex(({ part }) => part.case !== 'reasoning');
  return parts.flatMap((part, i) =>
    part.part.case === 'reasoning' ? reasoningItems(part, i < lastSaid, setting) : [saidItem(part, setting)],
  );
}

/** Reasoning is refused where nothing of the same answer follows it: that of an answer that was cut off. */
function reasoningItems({ whole, path }: PlacedPart, followed: boolean, setting: AnswerSetting): JsonObject[] {
  const item = readReasoning(whole.providerState, setting.target);
  if (item && followed) return [item];
  const why = item ? 'nothing of that answer follows it' : 'it is not sealed, or is from another provider or model';
  setting.warnings.add(dropped(path, `Earlier reasoning was not sent: ${why}.`));
  return [];
}

function saidItem({ part, whole, path }: PlacedPart, { target, warnings, wireId }: AnswerSetting): JsonObject {
  const phase = part.case === 'text' ? readPhase(whole.providerState, target) : undefined;
  if (whole.providerState && !phase) warnings.add(dropped(`${path}.provider_state`, STATE_NOT_SENT));
  switch (part.case) {
    case 'text':
      return messageItem({ type: 'output_text', text: part.value.toWellFormed(), annotations: [] }, path, phase);
    case 'refusal':
      return messageItem({ type: 'refusal', refusal: part.value.toWellFormed() }, path, undefined);
    case 'toolCall':
      return callItem(part.value, wireId);
    default:
      throw invalid(path, 'is not a part that an assistant message may have');
  }
}

/** The id is made up: with the provider's own, it would insist on the reasoning that came before. */
const messageItem = (content: JsonObject, path: string, phase: Phase | undefined): JsonObject => ({
  type: 'message',
  id: `msg_${path.match(/\d+/g)?.join('_')}`,
  role: 'assistant',
  status: 'completed',
  content: [content],
  ...(phase ? { phase } : {}),
});

const callItem = ({ id, name, arguments: text }: ToolCall, wireId: AnswerSetting['wireId']): JsonObject => ({
  type: 'function_call',
  call_id: wireId(id),
  name: name.toWellFormed(),
  arguments: text.toWellFormed(),
});
