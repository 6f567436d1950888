import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { adjusted } from '../../core/warnings.ts';
import type { AnsweredCall } from '../grammar/conversation.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import type { Setting } from './assistant.ts';
import type { Content } from './contents.ts';
import { textPart, userPart } from './parts.ts';

/**
 * What tools gave, for all calls of an answer together. Models that take only text in it get images and documents as
 * a user's content after it, with a warning.
 */
export function resultContents(results: readonly AnsweredCall[], setting: Setting): Content[] {
  const media = setting.quirks.resultMedia ? [] : results.flatMap((result) => mediaAfter(result, setting));
  return [
    { role: 'user', parts: results.map((result) => functionResponse(result, setting)), alone: true },
    ...(media.length > 0 ? [{ role: 'user', parts: media } as const] : []),
  ];
}

const isText = ({ part }: PlacedPart) => part.case === 'text';

function functionResponse({ callId, name, parts, isError }: AnsweredCall, { quirks, wireId }: Setting): JsonObject {
  const texts = parts.flatMap(({ part }) => (part.case === 'text' ? [part.value.toWellFormed()] : []));
  const media = parts.filter((part) => !isText(part)).map(userPart);
  const elsewhere = media.length > 0 && !quirks.resultMedia;
  const said = outcome(elsewhere && texts.length === 0 ? ['See the content after the results.'] : texts);
  return {
    functionResponse: {
      id: wireId(callId),
      name: name.toWellFormed(),
      response: isError ? { error: said } : { output: said },
      ...(media.length > 0 && !elsewhere ? { parts: media } : {}),
    },
  };
}

/** Several texts are kept apart. */
const outcome = (texts: readonly string[]): JsonValue => (texts.length > 1 ? [...texts] : (texts[0] ?? ''));

function mediaAfter({ callId, parts, path }: AnsweredCall, { wireId, warnings }: Setting): JsonObject[] {
  const media = parts.filter((part) => !isText(part)).map(userPart);
  if (media.length === 0) return [];
  const message = "A tool's images and documents were sent as user content after the results.";
  warnings.add(adjusted(path.replace(/\.tool_result$/, ''), message));
  return [textPart(`From the result of tool call ${wireId(callId)}:`), ...media];
}
