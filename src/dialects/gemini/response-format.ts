import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, JsonSchemaFormat } from '#gen/antiphon/v1/completion_pb.js';
import { jsonInWords } from '../grammar/json-in-words.ts';
import { schema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { GeminiQuirks } from './quirks.ts';
import { wireSchema } from './schema.ts';

/** How the answer's shape is asked for. */
export interface WireFormat {
  /** For `generationConfig`. */
  readonly config: JsonObject;
  /** For the end of the instructions. */
  readonly instruction: string | undefined;
  /** What the answer is to be held against. */
  readonly unenforced: JsonObject | undefined;
}

/** Errors: `invalid_request` for a schema that is not JSON. */
export function wireFormat(
  { responseFormat, tools }: CompleteRequest,
  { json }: GeminiQuirks,
  warnings: Warnings,
): WireFormat {
  const format = responseFormat?.format;
  if (json === 'never' || (json === 'without_tools' && tools.length > 0)) {
    const words = jsonInWords(format, warnings);
    return { config: {}, instruction: words?.instruction, unenforced: words?.unenforced };
  }
  if (format?.case === 'jsonObject') return asked({});
  return format?.case === 'jsonSchema' ? jsonSchema(format.value, warnings) : { ...asked({}), config: {} };
}

const asked = (config: JsonObject, unenforced?: JsonObject): WireFormat => ({
  config: { responseMimeType: 'application/json', ...config },
  instruction: undefined,
  unenforced,
});

/** A schema that was not sent whole is not seen to whole by the provider. The schema's name has no place. */
function jsonSchema({ schema: text, description }: JsonSchemaFormat, warnings: Warnings): WireFormat {
  const path = 'response_format.json_schema.schema';
  const whole = schema(text, path);
  const about =
    description === '' || whole.description !== undefined ? {} : { description: description.toWellFormed() };
  const { sent, isWhole } = wireSchema({ ...whole, ...about }, path, warnings);
  return asked({ responseJsonSchema: sent }, isWhole ? undefined : whole);
}
