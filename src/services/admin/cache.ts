import { create } from '@bufbuild/protobuf';
import {
  GetCacheStatsResponseSchema,
  type PurgeCacheRequest,
  PurgeCacheResponseSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
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

export interface CacheParts {
  readonly read: () => CacheReading;
  /** Resolves when they are gone here, and other replicas will learn of it. Errors: GatewayError. */
  readonly purge: (scope: CacheScope) => Promise<unknown>;
}

/** The cache, in numbers; and how to be rid of what is in it. */
export function cacheAdmin({ read, purge }: CacheParts): AdminGroup<'getCacheStats' | 'purgeCache'> {
  return {
    async getCacheStats() {
      const { entries, bytes, evictions, ...rest } = read();
      const counts = { entries: BigInt(entries), bytes: BigInt(bytes), evictions: BigInt(evictions) };
      return create(GetCacheStatsResponseSchema, { ...rest, ...counts });
    },

    async purgeCache(request) {
      await purge(scopeOf(request));
      return create(PurgeCacheResponseSchema);
    },
  };
}

const MAX_BYTES = 512;

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
