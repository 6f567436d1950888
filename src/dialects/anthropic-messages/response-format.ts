import type { JsonObject } from '@bufbuild/protobuf';
import type { JsonSchemaFormat, ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { asString } from '../../core/json.ts';
import { adjusted } from '../../core/warnings.ts';
import { jsonInWords } from '../grammar/json-in-words.ts';
import { schema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { closedSchema } from './closed-schema.ts';
import type { AnthropicMessagesQuirks } from './quirks.ts';

/** What becomes of the wish for JSON. All undefined: plain text is wanted. */
export interface Format {
  /** The value of `output_config.format`. */
  readonly format?: JsonObject;
  /** For the end of the instructions. */
  readonly instruction?: string;
  /** What the answer is held against, as in WireRequest. */
  readonly unenforced?: JsonObject;
}

/** A schema that the provider can keep to goes into its own field, else into words. Errors: as `jsonInWords`. */
export function wireFormat(
  responseFormat: ResponseFormat | undefined,
  { jsonSchema }: AnthropicMessagesQuirks,
  warnings: Warnings,
): Format {
  const format = responseFormat?.format;
  const native = jsonSchema && format?.case === 'jsonSchema' ? nativeFormat(format.value, warnings) : undefined;
  return native ?? jsonInWords(format, warnings) ?? {};
}

const PATH = 'response_format.json_schema.schema';

function nativeFormat({ schema: text, description }: JsonSchemaFormat, warnings: Warnings): Format | undefined {
  const whole = schema(text, PATH);
  const fitted = closedSchema(whole);
  if (!fitted) return undefined;
  const { moved, closed } = fitted;
  if (closed)
    warnings.add(adjusted(PATH, 'Objects were closed to further properties: the provider takes no open ones.'));
  if (moved) warnings.add(adjusted(PATH, 'Rules that the provider cannot enforce were sent as words, or looser.'));
  const words = [description.toWellFormed(), asString(fitted.schema.description)].filter((one) => one !== '');
  const about = words.length > 0 ? { description: words.join('\n\n') } : {};
  return {
    format: { type: 'json_schema', schema: { ...fitted.schema, ...about } },
    ...(moved ? { unenforced: whole } : {}),
  };
}
