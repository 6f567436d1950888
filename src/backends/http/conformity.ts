import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Validator } from '@cfworker/json-schema';
import type { Part } from '#gen/antiphon/v1/completion_pb.js';
import { isJsonObject, tryParseJson } from '../../wire/json.ts';

/**
 * Whether an answer's text is JSON that fits a schema. `pattern` and `patternProperties` are not looked at: a caller's
 * regular expression could stop the gateway. An answer without text fits nothing; one with tool calls is not looked at.
 */
export function conforms(parts: readonly Part[], schema: JsonObject): boolean {
  if (parts.some(({ part }) => part.case === 'toolCall')) return true;
  const text = parts.flatMap(({ part }) => (part.case === 'text' ? [part.value] : [])).join('');
  const answer = tryParseJson(text);
  if (answer === undefined) return false;
  try {
    return new Validator(withoutPatterns(schema) as JsonObject, '2020-12', true).validate(answer).valid;
  } catch {
    // The schema itself is at fault, such as by a reference to nowhere.
    return false;
  }
}

/** A schema's own names only: a property may be called "pattern". */
function withoutPatterns(value: JsonValue, isMap = false): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withoutPatterns(item));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).filter(([key]) => isMap || !['pattern', 'patternProperties'].includes(key));
  return Object.fromEntries(
    entries.map(([key, inner]) => [
      key,
      literal.has(key) && !isMap ? inner : withoutPatterns(inner, !isMap && maps.has(key)),
    ]),
  );
}

/** Keywords whose keys are names of the caller's. */
const maps = new Set(['properties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords whose values are no schemas. */
const literal = new Set(['const', 'enum', 'default', 'examples', 'required']);
