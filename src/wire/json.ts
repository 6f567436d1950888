import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { GatewayError } from '../core/errors.ts';
import { tryParseJson } from '../core/json.ts';

/**
 * Parses what a provider sent. Errors: `upstream_bad_response`, without the text and without the parser's own message,
 * which quotes it.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new GatewayError(
      'upstream_bad_response',
      'The provider sent something that is not JSON where JSON was expected. Try again, or try another model.',
    );
  }
}

/** Deeper than any honest schema or option, and far from what a recursive walk can take. */
const MAX_DEPTH = 128;

/**
 * A copy that can be sent: strings without lone surrogates, which other parsers refuse, and no key `__proto__`.
 * Undefined if it is no JSON or nests deeper than `maxDepth`.
 */
export function cleanJson(value: unknown, maxDepth = MAX_DEPTH): JsonValue | undefined {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object' || maxDepth <= 0) return undefined;
  return Array.isArray(value) ? cleanArray(value, maxDepth - 1) : cleanObject(value, maxDepth - 1);
}

function cleanArray(values: readonly unknown[], maxDepth: number): JsonValue | undefined {
  const copy: JsonValue[] = [];
  for (const value of values) {
    const clean = cleanJson(value, maxDepth);
    if (clean === undefined) return undefined;
    copy.push(clean);
  }
  return copy;
}

function cleanObject(value: object, maxDepth: number): JsonObject | undefined {
  const copy: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    const clean = cleanJson(inner, maxDepth);
    if (clean === undefined) return undefined;
    if (key !== '__proto__') copy[key.toWellFormed()] = clean;
  }
  return copy;
}

/** A JSON object from text, ready to be sent; undefined if it is not one. */
export function cleanObjectText(text: string): JsonObject | undefined {
  const clean = cleanJson(tryParseJson(text));
  return isJsonObject(clean) ? clean : undefined;
}

export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
