import { create } from '@bufbuild/protobuf';
import {
  CacheEntrySchema,
  GetCacheStatsResponseSchema,
  type ListCacheEntriesRequest,
  ListCacheEntriesResponseSchema,
  type PurgeCacheRequest,
  PurgeCacheResponseSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import { duration } from '../../core/duration.ts';
import type { AdminGroup } from '../admin-service.ts';
import { Violations, withinBytes } from '../validate/violations.ts';

/** What the cache of this replica holds. */
export interface CacheReading {
  readonly enabled: boolean;
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
  /** Whether replicas share answers. */
  readonly shared: boolean;
}

/** Which answers are let go. `model` is as "provider/id". */
export type CacheScope = 'all' | { readonly team: string } | { readonly key: string } | { readonly model: string };

/** An answer that is kept. `model` is as "provider/id"; one of the other two is empty. */
export interface CacheEntryReading {
  readonly model: string;
  readonly team: string;
  readonly key: string;
  readonly bytes: number;
  readonly leftMs: number;
}

/** Which entries are wanted. What is empty is not asked for. */
export type CacheEntryFilter = Pick<CacheEntryReading, 'model' | 'team' | 'key'>;

export interface CacheParts {
  readonly read: () => CacheReading;
  /** Those used last first. */
  readonly list: (wanted: CacheEntryFilter, most: number) => readonly CacheEntryReading[];
  /** Resolves when they are gone here, and other replicas will learn of it. Errors: GatewayError. */
  readonly purge: (scope: CacheScope) => Promise<unknown>;
}

/** The cache, in numbers; and how to be rid of what is in it. */
export function cacheAdmin({
  read,
  list,
  purge,
}: CacheParts): AdminGroup<'getCacheStats' | 'listCacheEntries' | 'purgeCache'> {
  return {
    async getCacheStats() {
      const { entries, bytes, evictions, ...rest } = read();
      const counts = { entries: BigInt(entries), bytes: BigInt(bytes), evictions: BigInt(evictions) };
      return create(GetCacheStatsResponseSchema, { ...rest, ...counts });
    },

    async listCacheEntries(request) {
      const { wanted, most } = wantedOf(request);
      const entries = list(wanted, most).map(({ leftMs, bytes, ...entry }) =>
        create(CacheEntrySchema, { ...entry, bytes: BigInt(bytes), expiresIn: duration(leftMs) }),
      );
      return create(ListCacheEntriesResponseSchema, { entries });
    },

    async purgeCache(request) {
      await purge(scopeOf(request));
      return create(PurgeCacheResponseSchema);
    },
  };
}

const MAX_BYTES = 512;
const MAX_LISTED = 1_000;
const LISTED = 100;

/** Errors: `invalid_request`. */
function wantedOf({ limit, team, key, model }: ListCacheEntriesRequest) {
  const found = new Violations();
  found.check(limit <= MAX_LISTED, 'limit', `must be at most ${MAX_LISTED}`);
  found.check(team === '' || key === '', 'key', 'must be empty if team is set');
  for (const [field, value] of Object.entries({ team, key, model }))
    found.check(withinBytes(value, MAX_BYTES), field, `must be at most ${MAX_BYTES} bytes`);
  found.throwIfAny();
  return { wanted: { team, key, model }, most: limit || LISTED };
}

/** Errors: `invalid_request`. */
function scopeOf({ scope }: PurgeCacheRequest): CacheScope {
  const found = new Violations();
  if (scope.case === undefined) found.add('scope', 'must have all, team, key or model');
  else if (scope.case === 'all') found.check(scope.value, 'all', 'must be true');
  else {
    found.check(scope.value !== '' && withinBytes(scope.value, MAX_BYTES), scope.case, 'must be 1 to 512 bytes');
    if (scope.case === 'model')
      found.check(/^[^/]+\/./.test(scope.value), 'model', 'must be "provider/id", as the answers have it');
  }
  found.throwIfAny();
  switch (scope.case) {
    case 'team':
      return { team: scope.value };
    case 'key':
      return { key: scope.value };
    case 'model':
      return { model: scope.value };
    default:
      return 'all';
  }
}
