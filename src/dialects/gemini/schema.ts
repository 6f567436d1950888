import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { dropped } from '../../core/warnings.ts';
import { isJsonObject } from '../../wire/json.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** A schema in the words that the provider takes. */
export interface WireSchema {
  readonly sent: JsonObject;
  /** Nothing was left out. */
  readonly isWhole: boolean;
}

/**
 * A JSON Schema without what the provider does not take: a warning names it. Said in other words are `const`,
 * `definitions`, a list of `items`, and an `allOf` of one schema. It is as deep as the schema is, which is bounded
 * where it is read.
 *
 * Source: the npm package @google/genai 3.1.0, dist/genai.d.ts, responseJsonSchema (2026-11-21).
 */
export function wireSchema(schema: JsonObject, path: string, warnings: Warnings): WireSchema {
  const left = new Set<string>();
  const sent = subset(schema, left);
  if (left.size > 0) warnings.add(dropped(path, leftOut([...left])));
  return { sent, isWhole: left.size === 0 };
}

/** What a keyword's value is: itself, a schema, a list of schemas, or schemas by name. */
type Holds = 'value' | 'schema' | 'schemas' | 'named';

const keywords = new Map<string, Holds>([
  ...['$id', '$ref', '$anchor', 'type', 'format', 'title', 'description', 'enum', 'required', 'propertyOrdering'].map(
    (keyword) => [keyword, 'value'] as const,
  ),
  ...['minItems', 'maxItems', 'minimum', 'maximum'].map((keyword) => [keyword, 'value'] as const),
  ['items', 'schema'],
  ['additionalProperties', 'schema'],
  ['prefixItems', 'schemas'],
  ['anyOf', 'schemas'],
  ['oneOf', 'schemas'],
  ['properties', 'named'],
  ['$defs', 'named'],
]);

/** They say nothing about the values. */
const remarks: ReadonlySet<string> = new Set(['$schema', '$comment']);

function subset(given: JsonObject, left: Set<string>): JsonObject {
  const schema = inOtherWords(given);
  const out: JsonObject = {};
  for (const [keyword, value] of Object.entries(schema)) {
    const holds = keywords.get(keyword);
    // Beside a reference, only keywords that begin with "$" are taken.
    const taken = holds !== undefined && (schema.$ref === undefined || keyword.startsWith('$'));
    const kept = taken ? keep(keyword, holds, value, left) : undefined;
    if (kept !== undefined) out[keyword] = kept;
    else if (!remarks.has(keyword)) left.add(keyword);
  }
  return out;
}

function keep(keyword: string, holds: Holds, value: JsonValue, left: Set<string>): JsonValue | undefined {
  if (keyword === '$ref' && typeof value === 'string') return value.replace(/^#\/definitions\//, '#/$defs/');
  if (keyword === 'enum') return wireEnum(value, left);
  if (holds === 'value') return value;
  const inner = (schema: JsonValue) => (isJsonObject(schema) ? subset(schema, left) : schema);
  if (holds === 'schema') return inner(value);
  if (holds === 'schemas') return Array.isArray(value) ? value.map(inner) : undefined;
  if (!isJsonObject(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, inner(schema)]));
}

const mayBeListed = (value: JsonValue) => typeof value === 'string' || typeof value === 'number';

/** Only texts and numbers can be listed. */
function wireEnum(value: JsonValue, left: Set<string>): JsonValue | undefined {
  const listed = Array.isArray(value) ? value.filter(mayBeListed) : [];
  if (Array.isArray(value) && listed.length > 0 && listed.length < value.length) left.add('enum');
  return listed.length > 0 ? listed : undefined;
}

function inOtherWords({ allOf, ...rest }: JsonObject): JsonObject {
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? allOf : [];
  if (isJsonObject(only)) return inOtherWords({ ...only, ...rest });
  const { const: value, definitions, items, ...other } = rest;
  return {
    ...other,
    ...(allOf === undefined ? {} : { allOf }),
    ...(value === undefined ? {} : mayBeListed(value) ? { enum: [value] } : { const: value }),
    ...(isJsonObject(definitions) ? { $defs: { ...definitions, ...defsOf(other) } } : {}),
    ...(items === undefined ? {} : Array.isArray(items) ? { prefixItems: items } : { items }),
  };
}

const defsOf = ({ $defs }: JsonObject): JsonObject => (isJsonObject($defs) ? $defs : {});

const MAX_NAMED = 10;

function leftOut(names: readonly string[]): string {
  const known = names.filter((name) => /^[$\w-]{1,40}$/.test(name)).slice(0, MAX_NAMED);
  const named = [...known, ...(known.length < names.length ? ['others'] : [])].join(', ');
  return `Keywords of the JSON Schema were not sent, or not whole, where the provider does not take them: ${named}.`;
}
