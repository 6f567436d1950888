import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { HealthStatus, ProviderHealthSchema, StoreMode } from '#gen/antiphon/v1/health_pb.js';
import { healthResponse } from '../../src/services/health.ts';

const providers = [create(ProviderHealthSchema, { provider: 'mock', status: HealthStatus.SERVING, activeCalls: 2 })];

const healthOf = (serving: boolean, mode: 'memory' | 'file' | 'shared' | 'local' = 'memory') => {
  const store = { mode, failures: 4, pending: 5 };
  return healthResponse({ serving, version: '1.2.3', uptimeMs: 61_500, activeCalls: 3, providers, store });
};

describe('health', () => {
  it('tells the state, the version and the time since the start', () => {
    expect(healthOf(true)).toMatchObject({
      status: HealthStatus.SERVING,
      version: '1.2.3',
      uptime: { seconds: 61n, nanos: 500_000_000 },
      activeCalls: 3,
      providers: [{ provider: 'mock', status: HealthStatus.SERVING, activeCalls: 2 }],
    });
  });

  it('tells when no calls are accepted', () => {
    expect(healthOf(false)).toMatchObject({ status: HealthStatus.NOT_SERVING });
    expect(healthOf(false, 'local')).toMatchObject({ status: HealthStatus.NOT_SERVING });
  });

  it.each([
    ['memory', HealthStatus.SERVING, StoreMode.MEMORY, false],
    ['file', HealthStatus.SERVING, StoreMode.FILE, false],
    ['shared', HealthStatus.SERVING, StoreMode.SHARED, true],
    ['local', HealthStatus.DEGRADED, StoreMode.LOCAL, false],
  ] as const)('tells where things are kept: %s', (kept, status, mode, redisAvailable) => {
    expect(healthOf(true, kept)).toMatchObject({
      status,
      store: { mode, localCacheAvailable: true, redisAvailable, redisFailureCount: 4n, pending: 5 },
    });
  });
});
