import { randomBytes } from 'node:crypto';

/** So that a key can be told from others where it should not be, by people and by scanners. */
const PREFIX = 'ant_';
const RANDOM_BYTES = 32;

/** A new key: 47 characters with 256 bits of chance. */
export const newKey = (): string => `${PREFIX}${randomBytes(RANDOM_BYTES).toString('base64url')}`;
