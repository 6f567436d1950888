import type { JsonObject } from '@bufbuild/protobuf';
import { adjusted } from '../../core/warnings.ts';
import type { AnsweredCall } from '../grammar/conversation.ts';
import { failedText, warnOfFailedText } from '../grammar/failed-result.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { textOf } from './text.ts';

/**
 * What tools gave, in the order of the `calls`, which are ids. The wire ties results to calls by the name of the
 * function, so those of several calls of one function can only be told apart by their order.
 */
export function resultMessage(
  answered: readonly AnsweredCall[],
  calls: readonly string[],
  warnings: Warnings,
): JsonObject {
  const places = new Map(calls.map((id, place) => [id, place]));
  const place = ({ callId }: AnsweredCall) => places.get(callId) ?? -1;
  const results = [...answered].sort((a, b) => place(a) - place(b));
  const seen = new Set<string>();
  for (const { name, path } of results) {
    if (seen.has(name)) warnings.add(adjusted(path, AMBIGUOUS));
    seen.add(name);
  }
  const toolResults = results.map((result) => ({ functionResult: functionResult(result, warnings) }));
  return { role: 'user', toolResultList: { toolResults } };
}

const AMBIGUOUS =
  'Results of several calls of one function were sent in order only: the provider ties results to calls by name.';

function functionResult({ name, parts, isError, path }: AnsweredCall, warnings: Warnings): JsonObject {
  const text = textOf(parts);
  if (isError) warnOfFailedText(path, warnings);
  return { name: name.toWellFormed(), content: isError ? failedText(text) : text };
}
