import type { JsonObject } from '@bufbuild/protobuf';
import type { JsonSchemaFormat, ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { schema } from '../grammar/schema.ts';

/** The field `text`, or nothing for plain text. Errors: `invalid_request` for a schema that is not JSON. */
export function wireTextFormat(responseFormat: ResponseFormat | undefined): JsonObject {
  const format = responseFormat?.format;
  if (format?.case === 'jsonObject') return { text: { format: { type: 'json_object' } } };
  return format?.case === 'jsonSchema' ? { text: { format: jsonSchema(format.value) } } : {};
}

/** `strict` is always said: unset means true here and false in chat completions, and the caller chose neither. */
const jsonSchema = ({ name, schema: text, strict = false, description }: JsonSchemaFormat): JsonObject => ({
  type: 'json_schema',
  name: name.toWellFormed(),
  schema: schema(text, 'response_format.json_schema.schema'),
  strict,
  ...(description === '' ? {} : { description: description.toWellFormed() }),
});
