import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { GetUsageReportRequestSchema, PurgeCacheRequestSchema } from '#gen/antiphon/v1/admin_service_pb.js';
import type { KeyRecord } from '../src/access/key-record.ts';
import { administration } from '../src/administration.ts';
import { StoreError, type StoreFailure } from '../src/stores/store.ts';
import { fakeClock } from './support/fake-clock.ts';
import { inboundOf } from './support/requests.ts';

const clock = fakeClock();

const key = (more: Partial<KeyRecord>): KeyRecord => ({
  name: 'a',
  digest: '0'.repeat(64),
  team: '',
  roles: ['admin'],
  allowedModels: undefined,
  expiresMs: undefined,
  isRevoked: false,
  ...more,
});

/** What stands behind the AdminService where these keys are configured, and the store fails so. */
function partsWith(keys: readonly KeyRecord[], failure: StoreFailure = 'closed') {
  const failing = () => Promise.reject(new StoreError(failure));
  return administration({
    snapshots: {} as never,
    lasting: {
      clock,
      store: { tallied: failing },
      answers: { purge: failing },
      alertBook: { newest: () => [] },
    } as never,
    keys: () => keys,
    usageLabels: [],
  });
}

describe('whether there are operators', () => {
  it.each<[boolean, readonly KeyRecord[]]>([
    [false, []],
    [true, [key({})]],
    [true, [key({ roles: ['viewer'] })]],
    [true, [key({ roles: ['caller'] }), key({ roles: ['caller', 'admin'] })]],
    [false, [key({ roles: ['caller'] })]],
    [false, [key({ isRevoked: true })]],
    [false, [key({ expiresMs: clock.wallMs() })]],
    [true, [key({ expiresMs: clock.wallMs() + 1 })]],
  ])('%s: %j', (are, keys) => {
    expect(partsWith(keys).hasOperators()).toBe(are);
  });
});

it('a store that fails is an error that says so', async () => {
  const { usage, cache } = partsWith([]);
  const scope = { case: 'all', value: true } as const;
  for (const asked of [
    usage?.getUsageReport(create(GetUsageReportRequestSchema), inboundOf()),
    cache?.purgeCache(create(PurgeCacheRequestSchema, { scope }), inboundOf()),
  ])
    await expect(asked).rejects.toMatchObject({ kind: 'store_unavailable' });
});
