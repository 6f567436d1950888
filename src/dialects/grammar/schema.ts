import type { JsonObject } from '@bufbuild/protobuf';
import { cleanObjectText } from '../../wire/json.ts';
import { invalid } from './invalid.ts';

/** A JSON Schema from its text. Errors: `invalid_request` if it is no JSON object. */
export function schema(text: string, path: string): JsonObject {
  const parsed = cleanObjectText(text);
  if (!parsed) throw invalid(path, 'must be the text of a JSON object');
  return parsed;
}

/** The schema of a tool's arguments. Some servers insist on one; strict ones on its being closed. */
export const parametersSchema = (text: string, path: string, strict = false): JsonObject =>
  text === ''
    ? { type: 'object', properties: {}, ...(strict ? { additionalProperties: false } : {}) }
    : schema(text, path);
