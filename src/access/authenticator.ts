import type { AuthFailure } from '../core/auth-failure.ts';
import { anonymous, type Caller } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { type ModelMatcher, modelPatterns } from '../core/patterns.ts';
import { digestOf, isSameDigest } from './digest.ts';
import type { KeyRecord, KeySource, Team } from './key-record.ts';
import { type HeaderLookup, presentedKey } from './presented-key.ts';

export interface Authenticator {
  /** Who calls. Errors: `unauthenticated`, whatever is wrong with the key in the same words. */
  authenticate(header: HeaderLookup): Caller;
}

export interface AuthenticatorParts {
  /** Asked in this order at every call. */
  readonly sources: readonly KeySource[];
  readonly teams: ReadonlyMap<string, Team>;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly failed: (why: AuthFailure) => void;
}

/** What a digest is compared with where none was found. No key has it. */
const NO_DIGEST = '-'.repeat(64);

/**
 * Finds out who calls by the key that came. While there are no keys, everybody is `anonymous`, whatever came.
 *
 * The key is looked up by its digest. Whoever tries keys cannot choose digests, so that how long the look-up takes tells
 * nothing of how near a key was; the comparison after it is one that takes the same time in any case, and is done in any
 * case. Unknown, revoked and expired keys go the same way to the same error.
 */
export function authenticator({ sources, teams, clock, failed }: AuthenticatorParts): Authenticator {
  const callers = new WeakMap<KeyRecord, Caller>();
  const callerOf = (record: KeyRecord): Caller => {
    const caller = callers.get(record) ?? callerFrom(record, teams.get(record.team));
    callers.set(record, caller);
    return caller;
  };
  const refuse = (why: AuthFailure): never => {
    failed(why);
    throw refusal();
  };
  return {
    authenticate(header) {
      if (!sources.some(({ hasKeys }) => hasKeys)) return anonymous;
      const presented = presentedKey(header);
      if ('why' in presented) return refuse(presented.why);
      const record = lookUp(digestOf(presented.key), sources);
      const failure = failureOf(record, clock.wallMs());
      return failure || !record ? refuse(failure ?? 'unknown') : callerOf(record);
    },
  };
}

/** Every source is asked, also when one before it had the key. */
function lookUp(digest: string, sources: readonly KeySource[]): KeyRecord | undefined {
  const [found] = sources.map((source) => source.find(digest)).filter((record) => record !== undefined);
  return isSameDigest(found?.digest ?? NO_DIGEST, digest) ? found : undefined;
}

function failureOf(record: KeyRecord | undefined, nowMs: number): AuthFailure | undefined {
  if (!record) return 'unknown';
  if (record.isRevoked) return 'revoked';
  return record.expiresMs !== undefined && record.expiresMs <= nowMs ? 'expired' : undefined;
}

function callerFrom({ name, team, roles, allowedModels }: KeyRecord, of: Team | undefined): Caller {
  const narrowed = [allowedModels, of?.allowedModels].filter((patterns) => patterns !== undefined);
  return { name, team, roles, allowedModels: allOf(narrowed.map(modelPatterns)), isAnonymous: false };
}

/** Undefined: there are none. */
function allOf(matchers: readonly ModelMatcher[]): ModelMatcher | undefined {
  if (matchers.length < 2) return matchers[0];
  return (target) => matchers.every((matches) => matches(target));
}

const refusal = () =>
  new GatewayError(
    'unauthenticated',
    'No valid key came with the request. Send one as "authorization: Bearer <key>", "x-api-key" or "api-key", or ask the operator for one.',
  );
