import type { RedisSettings } from '../../src/stores/redis.ts';

/** A busy machine is no reason to fail, where time is not what is tested. */
const PATIENT_MS = 5_000;

/** One server on this machine. */
export const settingsFor = (port: number, timeoutMs = PATIENT_MS): RedisSettings => ({
  nodes: [{ host: '127.0.0.1', port }],
  isCluster: false,
  tls: false,
  username: undefined,
  password: undefined,
  db: 0,
  keyPrefix: 'test:',
  timeoutMs,
});
