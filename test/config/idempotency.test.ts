import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';

const load = (file: string) => loadConfig({ ANTIPHON_CONFIG: 'test.yaml' }, () => Buffer.from(file)).idempotency;

it('keeps answers for a day, and has all that is set', () => {
  expect(load('')).toEqual({
    ttlMs: 24 * 3_600_000,
    maxAnswerBytes: 4 * 1024 * 1024,
    waitMs: 60_000,
    leaseMs: 15_000,
    maxCallMs: 600_000,
  });
  const file = 'idempotency: { ttl_ms: 1000, max_answer_bytes: 1024, wait_ms: 0, lease_ms: 2000, max_call_ms: 3000 }';
  expect(load(file)).toEqual({ ttlMs: 1_000, maxAnswerBytes: 1_024, waitMs: 0, leaseMs: 2_000, maxCallMs: 3_000 });
});

it.each(['ttl_ms: 999', 'ttl_ms: 86400001', 'lease_ms: 0', 'wait_ms: -1', 'max_call_ms: 0', 'enabled: true'])(
  'is refused with %s',
  (entry) => {
    expect(() => load(`idempotency: { ${entry} }`)).toThrow();
  },
);
