import { hash, timingSafeEqual } from 'node:crypto';

/** The SHA-256 of a key, as 64 lower-case hexadecimal digits. */
export const digestOf = (key: string): string => hash('sha256', key);

/** Takes the same time wherever the two differ. Both have the length of a digest. */
export const isSameDigest = (one: string, other: string): boolean =>
  timingSafeEqual(Buffer.from(one), Buffer.from(other));
