import type { JsonValue } from '@bufbuild/protobuf';
import { withinBytes } from './violations.ts';

/** The depth and number of values, or undefined beyond a bound: the walk itself is bounded and does not recurse. */
function withinShape(root: unknown, maxDepth: number, maxValues: number): boolean {
  let level: unknown[] = [root];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    values += level.length;
    if (depth > maxDepth || values > maxValues) return false;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return true;
}

const MAX_SCHEMA_BYTES = 256 * 1024;
const MAX_SCHEMA_DEPTH = 64;
const MAX_SCHEMA_VALUES = 50_000;

/**
 * What is wrong with the text of a JSON Schema, or undefined. It must be an object, and of this `type` if one is given;
 * what else it says is not checked.
 */
export function schemaProblem(text: string, type?: 'object'): string | undefined {
  if (!withinBytes(text, MAX_SCHEMA_BYTES)) return 'must be at most 256 KiB';
  let schema: JsonValue;
  try {
    schema = JSON.parse(text);
  } catch {
    return 'must be the text of a JSON object';
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    return 'must be the text of a JSON object';
  if (type !== undefined && schema.type !== type) return `must have the type "${type}"`;
  return withinShape(schema, MAX_SCHEMA_DEPTH, MAX_SCHEMA_VALUES)
    ? undefined
    : 'must be at most 64 levels deep and have at most 50,000 values';
}

/** What is wrong with the text of a JSON object, or undefined. It has the bounds of a schema. */
export const objectProblem = (text: string): string | undefined => schemaProblem(text);

/** Whether a provider's options keep the contract's bounds: 8 levels, 4,096 values. */
export const optionsWithinBounds = (options: unknown): boolean => withinShape(options, 8, 4_096);
