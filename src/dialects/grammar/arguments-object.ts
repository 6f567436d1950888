import type { JsonObject } from '@bufbuild/protobuf';
import { adjusted } from '../../core/warnings.ts';
import { cleanObjectText } from '../../wire/json.ts';
import type { Warnings } from './warnings.ts';

/**
 * The arguments of an earlier tool call for a wire that has them as an object. A model may have written something else,
 * which goes into a field "arguments", with a warning. `path` is that of the part.
 */
export function argumentsObject(text: string, path: string, warnings: Warnings): JsonObject {
  if (text.trim() === '') return {};
  const parsed = cleanObjectText(text);
  if (parsed) return parsed;
  const message =
    'Tool arguments that are no JSON object were sent as the text of a field "arguments": the provider takes objects.';
  warnings.add(adjusted(`${path}.tool_call.arguments`, message));
  return { arguments: text.toWellFormed() };
}
