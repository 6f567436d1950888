import type { JsonValue } from '@bufbuild/protobuf';

export const isScalar = (value: JsonValue): value is string | number | boolean | null =>
  value === null || typeof value !== 'object';

const FORMATS = 'date-time time date duration email hostname uri ipv4 ipv6 uuid'.split(' ');

const always = () => true;

/**
 * By keyword, the values that structured outputs enforce, of those that hold no schema.
 *
 * Source: the npm package @anthropic-ai/sdk 1.11.0, lib/transform-json-schema.mjs (2026-11-21).
 */
const enforced = new Map<string, (value: JsonValue) => boolean>([
  ['type', always],
  ['required', always],
  ['title', always],
  ['description', always],
  ['enum', (value) => Array.isArray(value) && value.every(isScalar)],
  ['const', isScalar],
  ['format', (value) => typeof value === 'string' && FORMATS.includes(value)],
  ['minItems', (value) => value === 0 || value === 1],
]);

export const isEnforced = (keyword: string, value: JsonValue): boolean => enforced.get(keyword)?.(value) ?? false;

/** They rule nothing; these are worth telling the model. */
const NOTES = new Set(['default', 'examples']);
/** Nor do these, and they are not. */
const SILENT = new Set(['$schema', '$id', '$comment', 'deprecated', 'readOnly', 'writeOnly']);

/** Whether a keyword rules nothing. */
export const isNote = (keyword: string): boolean =>
  NOTES.has(keyword) || SILENT.has(keyword) || keyword === 'title' || keyword === 'description';

/** What is not enforced as words for the model, and whether any of it is a rule. */
export function inWords(keywords: readonly [string, JsonValue][]): { words: string; moved: boolean } {
  const told = keywords.filter(([keyword, value]) => !isEnforced(keyword, value) && !SILENT.has(keyword));
  const words = told.map(([keyword, value]) => `${keyword}: ${JSON.stringify(value)}`).join(', ');
  return { words: words === '' ? '' : `(${words})`, moved: told.some(([keyword]) => !NOTES.has(keyword)) };
}
