import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { GeminiQuirks } from './quirks.ts';
import { wireThinking } from './thinking.ts';

/** Whole numbers have 32 bits at the sister interface of Google's cloud; that they have here is not verified. */
const MAX_INT32 = 2 ** 31 - 1;
/** Source: https://ai.google.dev/api/rest/v1/GenerationConfig (2026-11-21). */
const MAX_STOPS = 5;

/** The field `generationConfig`, or nothing. `format` are its fields about the answer's shape. */
export function generationConfig(
  request: CompleteRequest,
  format: JsonObject,
  quirks: GeminiQuirks,
  warnings: Warnings,
): JsonObject {
  const { temperature, topP } = request;
  const config: JsonObject = {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...limited('topK', 'top_k', request.topK, warnings),
    ...limited('maxOutputTokens', 'max_tokens', request.maxTokens, warnings),
    ...stopSequences(request.stop, warnings),
    ...seed(request.seed, warnings),
    ...format,
    ...wireThinking(request.reasoning, quirks.thinking, warnings),
  };
  return Object.keys(config).length > 0 ? { generationConfig: config } : {};
}

function limited(name: string, field: string, value: number | undefined, warnings: Warnings): JsonObject {
  if (value === undefined) return {};
  if (value > MAX_INT32)
    warnings.add(adjusted(field, `${field} was sent as ${MAX_INT32}: the provider takes no larger one.`));
  return { [name]: Math.min(value, MAX_INT32) };
}

function stopSequences(stop: readonly string[], warnings: Warnings): JsonObject {
  if (stop.length === 0) return {};
  if (stop.length > MAX_STOPS)
    warnings.add(adjusted('stop', `Only the first ${MAX_STOPS} stop texts were sent: the provider takes no more.`));
  return { stopSequences: stop.slice(0, MAX_STOPS).map((text) => text.toWellFormed()) };
}

function seed(value: bigint | undefined, warnings: Warnings): JsonObject {
  if (value === undefined) return {};
  if (BigInt.asIntN(32, value) === value) return { seed: Number(value) };
  warnings.add(dropped('seed', 'seed was not sent: the provider takes none of more than 32 bits.'));
  return {};
}
