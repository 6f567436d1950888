import type { Role } from '../core/roles.ts';

/** A key of a caller, as it is kept. The key itself is kept nowhere. */
export interface KeyRecord {
  /** Unique, and safe to show. */
  readonly name: string;
  /** The SHA-256 of the key, as 64 lower-case hexadecimal digits. */
  readonly digest: string;
  /** Empty: none. */
  readonly team: string;
  /** At least one. */
  readonly roles: readonly Role[];
  /** Patterns like those of `models.allowed`. Undefined: all that its team may call. */
  readonly allowedModels: readonly string[] | undefined;
  /** From then on it opens nothing, in milliseconds since 1970. Undefined: never. */
  readonly expiresMs: number | undefined;
  readonly isRevoked: boolean;
}

/** Callers who have something in common. */
export interface Team {
  /** Patterns like those of `models.allowed`. Undefined: all that may be called here. */
  readonly allowedModels: readonly string[] | undefined;
}

/** What the configuration says of who may call. */
export interface AccessSettings {
  readonly keys: readonly KeyRecord[];
  /** By name. */
  readonly teams: ReadonlyMap<string, Team>;
  /** The configuration says in so many words that no key is asked for. */
  readonly isOpenInWords: boolean;
}

/** Where keys are looked up. */
export interface KeySource {
  /** Whether there is any. While no source has one, nobody is asked for a key. */
  readonly hasKeys: boolean;
  /** `digest`: as in KeyRecord. Revoked and expired ones are found, too. */
  find(digest: string): KeyRecord | undefined;
}

/** Those of a list. */
export function keyList(keys: readonly KeyRecord[]): KeySource {
  const byDigest = new Map(keys.map((key) => [key.digest, key]));
  return { hasKeys: keys.length > 0, find: (digest) => byDigest.get(digest) };
}
