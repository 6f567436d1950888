import { asArray, asCount, asObject, asString } from '../core/json.ts';
import { type Role, roles } from '../core/roles.ts';

/** A key as the store has it. The key itself is kept nowhere. */
export interface StoredKey {
  readonly name: string;
  /** As in KeyRecord. */
  readonly digest: string;
  readonly team: string;
  readonly roles: readonly Role[];
  /** Undefined: all that its team may call. */
  readonly allowedModels?: readonly string[] | undefined;
  /** In milliseconds since 1970. Undefined: never. */
  readonly expiresMs?: number | undefined;
  /** When it was ended. Undefined: it was not. */
  readonly revokedMs?: number | undefined;
}

const DIGEST = /^[0-9a-f]{64}$/;

/** What the store has. What is no key is left out, and so opens nothing. Undefined: it is no list at all. */
export function storedKeys(json: unknown): readonly StoredKey[] | undefined {
  return Array.isArray(json) ? json.flatMap((item) => storedKey(item) ?? []) : undefined;
}

function storedKey(json: unknown): StoredKey | undefined {
  const entry = asObject(json);
  const [name, digest] = [asString(entry?.name), asString(entry?.digest)];
  const known = asArray(entry?.roles).flatMap((role) => roles.find((one) => one === role) ?? []);
  if (!entry || name === '' || !DIGEST.test(digest) || known.length === 0) return undefined;
  const { allowedModels, expiresMs, revokedMs } = entry;
  const moments = [expiresMs, revokedMs].filter((moment) => moment !== undefined);
  // A key with bounds that are not understood is none.
  if (moments.some((moment) => asCount(moment) === undefined)) return undefined;
  if (allowedModels !== undefined && !isTexts(allowedModels)) return undefined;
  const bounds = { allowedModels, expiresMs: asCount(expiresMs), revokedMs: asCount(revokedMs) };
  return { name, digest, team: asString(entry.team), roles: known, ...bounds };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
