import type { JsonObject } from '@bufbuild/protobuf';
import type { ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import { schema } from './schema.ts';
import type { Warnings } from './warnings.ts';

/** What a model is asked in words, and what its answer is then held against. */
export interface JsonInWords {
  /** For the end of the instructions. */
  readonly instruction: string;
  readonly unenforced: JsonObject;
}

/**
 * Asks for JSON in words, for a provider that has no field for it, or none for a schema; a warning says so. Undefined:
 * plain text is wanted. Errors: `invalid_request` for a schema that is not JSON.
 */
export function jsonInWords(format: ResponseFormat['format'] | undefined, warnings: Warnings): JsonInWords | undefined {
  if (format?.case === 'jsonObject') {
    const message = 'The model was asked for JSON in words: the provider has no field for it.';
    warnings.add(adjusted('response_format.json_object', message));
    return { instruction: 'Answer with one JSON object and nothing else.', unenforced: { type: 'object' } };
  }
  if (format?.case !== 'jsonSchema') return undefined;
  const { schema: text, description } = format.value;
  const unenforced = schema(text, 'response_format.json_schema.schema');
  const message = 'The model was asked in words to keep to the schema: the provider does not see to it.';
  warnings.add(adjusted('response_format.json_schema', message));
  const about = description === '' ? '' : ` It is: ${description.toWellFormed()}`;
  const instruction = `Answer with JSON that fits this JSON Schema, and nothing else.${about}\n${JSON.stringify(unenforced)}`;
  return { instruction, unenforced };
}
