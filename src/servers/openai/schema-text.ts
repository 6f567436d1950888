import type { UnknownObject } from '../../core/json.ts';
import type { Fields } from './fields.ts';

/** A schema as text, its keys in the order in which the caller wrote them, since models follow it. */
export function schemaText(schema: UnknownObject, path: string, { found }: Fields): string {
  try {
    return JSON.stringify(schema);
  } catch {
    // It can be parsed from text at any depth, and turned back into text at some only.
    found.add(path, 'must be at most 64 levels deep');
    return '{}';
  }
}
