import type { JsonObject } from '@bufbuild/protobuf';
import type { JsonSchemaFormat, ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import { schema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** The field `response_format`, or nothing for plain text. Errors: `invalid_request` for a schema that is not JSON. */
export function wireResponseFormat(
  responseFormat: ResponseFormat | undefined,
  quirks: OpenAiChatQuirks,
  warnings: Warnings,
): JsonObject {
  const format = responseFormat?.format;
  if (format?.case === 'jsonObject') return { response_format: { type: 'json_object' } };
  if (format?.case !== 'jsonSchema') return {};
  if (quirks.jsonSchema) return { response_format: { type: 'json_schema', json_schema: jsonSchema(format.value) } };
  warnings.add(
    adjusted(
      'response_format.json_schema',
      'The schema was not sent, only that JSON is wanted: the provider takes no schema.',
    ),
  );
  return { response_format: { type: 'json_object' } };
}

const jsonSchema = ({ name, schema: text, strict, description }: JsonSchemaFormat): JsonObject => ({
  name: name.toWellFormed(),
  schema: schema(text, 'response_format.json_schema.schema'),
  ...(strict === undefined ? {} : { strict }),
  ...(description === '' ? {} : { description: description.toWellFormed() }),
});
