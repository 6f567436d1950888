import type { JsonObject } from '@bufbuild/protobuf';
import { adjusted, dropped } from '../../core/warnings.ts';
import { argumentsObject } from '../grammar/arguments-object.ts';
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
  marks.add(block, whole.promptCache, path);
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
      const { id, name, arguments: text } = part.value;
      const input = argumentsObject(text, path, warnings);
      return { type: 'tool_use', id: ids.call(id), name: name.toWellFormed(), input };
    }
    default:
      throw invalid(path, 'is not a part that an assistant message may have');
  }
}
