import type { JsonObject } from '@bufbuild/protobuf';
import { adjusted } from '../../core/warnings.ts';
import type { AnsweredCall } from '../grammar/conversation.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import { userBlock } from './content.ts';
import type { Setting } from './setting.ts';

/** What tools gave: all results first, as the API wants it, then what has no place in a failed one. */
export const resultBlocks = (results: readonly AnsweredCall[], setting: Setting): JsonObject[] => [
  ...results.map((result) => resultBlock(result, setting)),
  ...results.flatMap((result) => mediaBlocks(result, setting)),
];

const isText = ({ part }: PlacedPart) => part.case === 'text';

function resultBlock(result: AnsweredCall, { warnings, marks, ids }: Setting): JsonObject {
  const { callId, isError, promptCache, path } = result;
  const parts = isError ? result.parts.filter(isText) : result.parts;
  const content = parts.map((part) => userBlock(part, warnings)).filter((block) => block !== undefined);
  if (isError && content.length === 0) content.push(silentFailure(parts.length < result.parts.length));
  const block = {
    type: 'tool_result',
    tool_use_id: ids.answered(callId),
    ...(content.length > 0 ? { content } : {}),
    ...(isError ? { is_error: true } : {}),
  };
  const inner = parts.findLast(({ whole }) => whole.promptCache);
  if (inner)
    warnings.add(adjusted(`${inner.path}.prompt_cache`, 'A cache hint within a tool result was sent for all of it.'));
  marks.add(block, promptCache ?? inner?.whole.promptCache, path.replace(/\.tool_result$/, ''));
  return block;
}

/** The API wants some text of a failure. */
const silentFailure = (hasMedia: boolean): JsonObject => ({
  type: 'text',
  text: hasMedia ? 'The tool failed. See what stands after the results.' : 'The tool failed; nothing more is known.',
});

/** A failed result takes only text. */
function mediaBlocks({ callId, parts, isError, path }: AnsweredCall, { warnings, ids }: Setting): JsonObject[] {
  const media = isError ? parts.filter((part) => !isText(part)) : [];
  if (media.length === 0) return [];
  const message =
    "A failed tool's images and documents were sent after the results: the provider takes only text there.";
  warnings.add(adjusted(path.replace(/\.tool_result$/, ''), message));
  const intro = { type: 'text', text: `From the result of tool call ${ids.answered(callId)}:` };
  return [intro, ...media.map((part) => userBlock(part, warnings)).filter((block) => block !== undefined)];
}
