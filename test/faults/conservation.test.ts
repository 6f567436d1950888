import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import type { Store } from '../../src/stores/store.ts';
import { settingsFor } from '../stores/redis-settings.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { ConservationStage, MOST_PER_CALL, type Played, whenNothingIsHeld } from './conservation-stage.ts';

/** Calls that are under way at once: so many at most are not told of when a replica is killed. */
const UNDER_WAY = 48;
const LIMIT = 120_000;

/** Whatever happened in between, a limit was never exceeded, and nothing is held. */
async function expectWithin(store: Store, { loggedTokens, refused, fallbacks, cancelled }: Played, kills: number) {
  onTestFinished(() => store.close());
  const { spent } = await whenNothingIsHeld(store);
  expect(spent).toBeLessThanOrEqual(LIMIT);
  expect(Math.abs(spent - loggedTokens)).toBeLessThanOrEqual(kills * UNDER_WAY * MOST_PER_CALL);
  expect(spent).toBeGreaterThan(LIMIT / 2);
  // Otherwise this would not have been tested at all.
  for (const count of [refused, fallbacks, cancelled]) expect(count).toBeGreaterThan(0);
}

describe.runIf(hasRedis)('three replicas at one Redis', () => {
  const redisAt = (port: number) =>
    new RedisStore(systemClock, { ...settingsFor(port, 2_000), keyPrefix: 'antiphon:' });

  it('spend together what calls used, and never more than the limit', { timeout: 300_000 }, async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
    const plan = { replicas: 3, calls: 10_000, kills: [2_000, 4_001], env, file: '', limit: LIMIT, seed: 1 };
    const played = await new ConservationStage(plan).play();
    await expectWithin(redisAt(redis.port), played, 2);
  });

  it('count exactly what calls used, if none is killed', { timeout: 300_000 }, async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
    const plan = { replicas: 3, calls: 2_000, kills: [], env, file: '', limit: 10 * LIMIT, seed: 2 };
    const { loggedTokens } = await new ConservationStage(plan).play();
    const store = redisAt(redis.port);
    onTestFinished(() => store.close());
    expect(await whenNothingIsHeld(store)).toEqual({ spent: loggedTokens, held: 0 });
  });
});

it('one process with a file, killed and started again, never spends more than the limit', {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'antiphon-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'store.db');
  const file = `store: { sqlite_path: "${path}" }`;
  const plan = { replicas: 1, calls: 7_000, kills: [1_000, 3_000], env: {}, file, limit: LIMIT, seed: 3 };
  const played = await new ConservationStage(plan).play();
  await expectWithin(new SqliteStore(systemClock, { path, maxBytes: 1024 ** 3 }), played, 2);
});
