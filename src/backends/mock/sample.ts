import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** Deeper than this, and beyond this many properties or items, a sample stops. */
const MAX_DEPTH = 8;
const MAX_PROPERTIES = 64;

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typeOf(schema: JsonObject): string {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (typeof type === 'string') return type;
  return isObject(schema.properties) ? 'object' : 'string';
}

function alternative(schema: JsonObject): JsonValue | undefined {
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const list = schema[key];
    if (Array.isArray(list) && list.length > 0) return list[0];
  }
  return undefined;
}

function sampleObject(schema: JsonObject, depth: number): JsonObject {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const entries = Object.entries(properties).slice(0, MAX_PROPERTIES);
  return Object.fromEntries(entries.map(([name, property]) => [name, sampleOf(property, depth + 1)]));
}

function atLeast(schema: JsonObject, key: string): number {
  const least = schema[key];
  return typeof least === 'number' && least > 0 ? least : 0;
}

/** A value of roughly the shape that a JSON Schema asks for. Bounded in depth and width; references are not followed. */
export function sampleOf(schema: JsonValue | undefined, depth = 0): JsonValue {
  if (!isObject(schema) || depth > MAX_DEPTH) return null;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum[0] !== undefined) return schema.enum[0];
  const other = alternative(schema);
  if (other !== undefined) return sampleOf(other, depth + 1);
  switch (typeOf(schema)) {
    case 'object':
      return sampleObject(schema, depth);
    case 'array':
      return [sampleOf(schema.items, depth + 1)];
    case 'integer':
      return Math.ceil(atLeast(schema, 'minimum'));
    case 'number':
      return atLeast(schema, 'minimum');
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return 'mock';
  }
}
