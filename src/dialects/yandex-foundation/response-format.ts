import type { JsonObject } from '@bufbuild/protobuf';
import type { ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { asString } from '../../core/json.ts';
import { adjusted, dropped } from '../../core/warnings.ts';
import { schema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** `jsonObject` or `jsonSchema`; nothing for plain text. Errors: `invalid_request` for a schema that is not JSON. */
export function wireResponseFormat(responseFormat: ResponseFormat | undefined, warnings: Warnings): JsonObject {
  const format = responseFormat?.format;
  if (format?.case === 'jsonObject') return { jsonObject: true };
  if (format?.case !== 'jsonSchema') return {};
  const { schema: text, description } = format.value;
  if (description !== '') {
    const message = 'The description of the answer was not sent: the provider takes only the schema.';
    warnings.add(dropped('response_format.json_schema.description', message));
  }
  return { jsonSchema: { schema: schema(text, 'response_format.json_schema.schema') } };
}

/**
 * An instruction to answer with JSON, where `json_object` is asked for and no message speaks of JSON: without the word,
 * the model may write white space until it has used up its tokens.
 *
 * Source: https://github.com/yandex-cloud/docs, en/ai-studio/text-generation/api-ref/TextGeneration (2026-11-21).
 */
export function wordOfJson(
  messages: readonly JsonObject[],
  responseFormat: ResponseFormat | undefined,
  warnings: Warnings,
): JsonObject[] {
  if (responseFormat?.format.case !== 'jsonObject') return [];
  if (messages.some(({ text }) => /json/i.test(asString(text)))) return [];
  const message = 'An instruction to answer with JSON was added: the provider wants the word in the messages.';
  warnings.add(adjusted('response_format.json_object', message));
  return [{ role: 'system', text: 'Answer with one JSON object and nothing else.' }];
}
