import type { JsonObject } from '@bufbuild/protobuf';
import type { ToolCall } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { cleanObjectText } from '../../wire/json.ts';
import { invalid } from '../grammar/invalid.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { STATE_NOT_SENT } from '../grammar/provider-state.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { textBlock } from './content.ts';
import { thinkingBlock } from './provider-state.ts';
import type { Setting } from './setting.ts';

/** One earlier answer of the model. Errors: `invalid_request` for a part that does not belong here. */
export const assistantBlocks = (parts: readonly PlacedPart[], setting: Setting): JsonObject[] =>
  parts.flatMap((placed) => {
    const block = placed.part.case === 'reasoning' ? thinking(placed, setting) : spoken(placed, setting);
    return block ? [block] : [];
  });

/** Thinking goes back only as it came, and the cache cannot be told to end with it. */
function thinking({ part, whole, path }: PlacedPart, { target, warnings }: Setting): JsonObject | undefined {
  const block = part.case === 'reasoning' ? thinkingBlock(part.value.text, whole.providerState, target) : undefined;
  if (!block)
    warnings.add(dropped(path, 'Earlier reasoning was not sent: it is not signed by this provider and model.'));
  if (whole.promptCache)
    warnings.add(dropped(`${path}.prompt_cache`, 'A cache hint was not sent: the provider takes none on reasoning.'));
  return block;
}

function spoken({ part, whole, path }: PlacedPart, { warnings, marks, ids }: Setting): JsonObject | undefined {
  const block = spokenBlock(part, path, warnings, ids);
  if (whole.providerState) warnings.add(dropped(`${path}.provider_state`, STATE_NOT_SENT));
  if (block) marks.add(block, whole.promptCache, path);
  return block;
}

function spokenBlock(
  part: PlacedPart['part'],
  path: string,
  warnings: Warnings,
  ids: Setting['ids'],
): JsonObject | undefined {
  switch (part.case) {
    case 'text':
      return textBlock(part.value, path, warnings);
    case 'refusal':
      warnings.add(adjusted(path, 'An earlier refusal was sent as text: the provider has no place for it.'));
      return textBlock(part.value, path, warnings);
    case 'toolCall': {
      const input = toolInput(part.value, `${path}.tool_call.arguments`, warnings);
      return { type: 'tool_use', id: ids.call(part.value.id), name: part.value.name.toWellFormed(), input };
    }
    default:
      throw invalid(path, 'is not a part that an assistant message may have');
  }
}

/** The wire has the arguments as an object. A model may have written something else. */
function toolInput({ arguments: text }: ToolCall, path: string, warnings: Warnings): JsonObject {
  const input = cleanObjectText(text);
  if (input) return input;
  if (text.trim() === '') return {};
  const message = 'Tool arguments that are no JSON object were sent as one that holds their text as "arguments".';
  warnings.add(adjusted(path, message));
  return { arguments: text.toWellFormed() };
}
