/** What `JSON.parse` gives for `{...}`: nothing is known of its values. */
export type UnknownObject = Readonly<Record<string, unknown>>;

/** What a text says as JSON; undefined: it is none. */
export function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const asObject = (value: unknown): UnknownObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as UnknownObject) : undefined;

export const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The text, or an empty one for anything else. */
export const asString = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A count: a whole number from 0 that JSON can carry exactly. */
export const asCount = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
