import type { JsonObject } from '@bufbuild/protobuf';
import type { ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { dropped } from '../../core/warnings.ts';
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
