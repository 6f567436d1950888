import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  GetCacheStatsRequestSchema,
  ListCacheEntriesRequestSchema,
  type PurgeCacheRequest,
  PurgeCacheRequestSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import { type CacheScope, cacheAdmin } from '../../../src/services/admin/cache.ts';
import { inboundOf } from '../../support/requests.ts';

type Scope = PurgeCacheRequest['scope'];

function scene() {
  const purged: CacheScope[] = [];
  const listed: unknown[] = [];
  const admin = cacheAdmin({
    read: () => ({ enabled: true, entries: 2, bytes: 300, evictions: 1, shared: false }),
    list: (wanted, most) => {
      listed.push([wanted, most]);
      return [{ model: 'openai/gpt', team: 'search', key: '', bytes: 700, leftMs: 1_500 }];
    },
    purge: async (scope) => purged.push(scope),
  });
  const purge = (scope: Scope) => admin.purgeCache(create(PurgeCacheRequestSchema, { scope }), inboundOf());
  const list = (request: MessageInitShape<typeof ListCacheEntriesRequestSchema>) =>
    admin.listCacheEntries(create(ListCacheEntriesRequestSchema, request), inboundOf());
  return { admin, purge, purged, list, listed };
}

it('GetCacheStats tells what the cache holds', async () => {
  const { admin } = scene();
  expect(await admin.getCacheStats(create(GetCacheStatsRequestSchema), inboundOf())).toMatchObject({
    enabled: true,
    entries: 2n,
    bytes: 300n,
    evictions: 1n,
    shared: false,
  });
});

describe('ListCacheEntries', () => {
  it('tells what answers are of, and for how long', async () => {
    const { list, listed } = scene();
    const { entries } = await list({});
    expect(entries).toMatchObject([{ model: 'openai/gpt', team: 'search', key: '', bytes: 700n }]);
    expect(entries[0]?.expiresIn).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
    await list({ limit: 7, team: 'search', model: 'openai/gpt' });
    expect(listed).toEqual([
      [{ team: '', key: '', model: '' }, 100],
      [{ team: 'search', key: '', model: 'openai/gpt' }, 7],
    ]);
  });

  it.each([
    [{ limit: 1_001 }, 'limit'],
    [{ team: 'a', key: 'b' }, 'key'],
    [{ team: 'a'.repeat(513) }, 'team'],
    [{ model: 'a'.repeat(513) }, 'model'],
  ])('refuses %j', async (request, field) => {
    const { list, listed } = scene();
    await expect(list(request)).rejects.toMatchObject({ kind: 'invalid_request', facts: { violations: [{ field }] } });
    expect(listed).toEqual([]);
  });
});

describe('PurgeCache', () => {
  it.each<[Scope, CacheScope]>([
    [{ case: 'all', value: true }, 'all'],
    [{ case: 'team', value: 'search' }, { team: 'search' }],
    [{ case: 'key', value: 'billing' }, { key: 'billing' }],
    [{ case: 'model', value: 'openrouter/openai/gpt' }, { model: 'openrouter/openai/gpt' }],
  ])('lets go of %j', async (scope, gone) => {
    const { purge, purged } = scene();
    await purge(scope);
    expect(purged).toEqual([gone]);
  });

  it.each<[Scope, string]>([
    [{ case: undefined }, 'scope'],
    [{ case: 'all', value: false }, 'all'],
    [{ case: 'team', value: '' }, 'team'],
    [{ case: 'key', value: 'k'.repeat(513) }, 'key'],
    [{ case: 'model', value: 'gpt' }, 'model'],
    [{ case: 'model', value: 'openai/' }, 'model'],
  ])('lets go of nothing for %j', async (scope, field) => {
    const { purge, purged } = scene();
    await expect(purge(scope)).rejects.toMatchObject({ kind: 'invalid_request', facts: { violations: [{ field }] } });
    expect(purged).toEqual([]);
  });
});
