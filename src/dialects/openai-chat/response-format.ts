import type { JsonObject } from '@bufbuild/protobuf';
import type { JsonSchemaFormat, ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { type JsonInWords, jsonInWords } from '../grammar/json-in-words.ts';
import { schema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** How the shape of the answer is asked for. */
export interface WireFormat {
  /** The field `response_format`, or nothing. */
  readonly field: JsonObject;
  /** What has to be asked in words besides; undefined: nothing. */
  readonly words?: JsonInWords | undefined;
}

const JSON_OBJECT: JsonObject = { response_format: { type: 'json_object' } };

/**
 * The shape of the answer in the wire's words; what the server has no field for is asked in words. Errors:
 * `invalid_request` for a schema that is not JSON.
 */
export function wireResponseFormat(
  responseFormat: ResponseFormat | undefined,
  { jsonObject = true, jsonSchema }: OpenAiChatQuirks,
  warnings: Warnings,
): WireFormat {
  const format = responseFormat?.format;
  if (format?.case === 'jsonObject' && jsonObject) return { field: JSON_OBJECT };
  if (format?.case === 'jsonSchema' && jsonSchema)
    return { field: { response_format: { type: 'json_schema', json_schema: wireSchema(format.value) } } };
  const words = jsonInWords(format, warnings);
  return { field: words && jsonObject ? JSON_OBJECT : {}, words };
}

const wireSchema = ({ name, schema: text, strict, description }: JsonSchemaFormat): JsonObject => ({
  name: name.toWellFormed(),
  schema: schema(text, 'response_format.json_schema.schema'),
  ...(strict === undefined ? {} : { strict }),
  ...(description === '' ? {} : { description: description.toWellFormed() }),
});
