import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { asArray } from '../../core/json.ts';
import { isJsonObject } from '../../wire/json.ts';
import { type ClosedSchema, closedSchema } from './closed-schema.ts';

/** Source: the npm package @earendil-works/pi-ai 1.5.2, dist/utils/strict-tool-limits.js (2026-11-21). */
const MOST_TOOLS = 20;
/** Of all strict tools together: parameters that may be left out, or be of several types. */
const MOST_LOOSE_PARAMETERS = 16;

/**
 * Says of one tool after the other whether it can be strict, and with what schema; undefined: its schema cannot be
 * kept to, or there are too many before it.
 */
export class StrictTools {
  #tools = 0;
  #loose = 0;

  next(schema: JsonObject): ClosedSchema | undefined {
    const closed = closedSchema(schema);
    const loose = closed ? looseParameters(closed.schema) : 0;
    if (!closed || this.#tools >= MOST_TOOLS || this.#loose + loose > MOST_LOOSE_PARAMETERS) return undefined;
    this.#tools++;
    this.#loose += loose;
    return closed;
  }
}

function looseParameters(schema: JsonValue): number {
  if (Array.isArray(schema)) return sum(schema.map(looseParameters));
  if (!isJsonObject(schema)) return 0;
  const required = new Set(asArray(schema.required));
  const parameters = isJsonObject(schema.properties) ? Object.entries(schema.properties) : [];
  const loose = parameters.filter(([name, value]) => !required.has(name) || isUnion(value));
  return loose.length + sum(Object.values(schema).map(looseParameters));
}

const isUnion = (schema: JsonValue): boolean =>
  isJsonObject(schema) && (Array.isArray(schema.anyOf) || Array.isArray(schema.type));

const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
