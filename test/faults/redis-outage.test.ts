import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StoreMode } from '#gen/antiphon/v1/health_pb.js';
import { systemClock } from '../../src/core/clock.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import { settingsFor } from '../stores/redis-settings.ts';
import { hasRedis, type RedisServer } from '../support/redis-server.ts';
import { whenNothingIsHeld } from './conservation-stage.ts';
import { type Part, percentile, redisScene } from './redis-stage.ts';

interface Fault {
  readonly name: string;
  begin(redis: RedisServer): Promise<unknown>;
  end(redis: RedisServer): Promise<unknown>;
}

const faults: readonly Fault[] = [
  { name: 'stopped', begin: (redis) => redis.stop(), end: (redis) => redis.start() },
  { name: 'frozen', begin: async (redis) => redis.hang(), end: async (redis) => redis.goOn() },
  {
    name: 'read-only',
    begin: (redis) => redis.command('REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => redis.command('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'out of memory',
    begin: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    name: 'flapping',
    async begin(redis) {
      for (let i = 0; i < 4; i++) {
        await redis.stop();
        await sleep(150);
        await redis.start();
        await sleep(250);
      }
      await redis.stop();
    },
    end: (redis) => redis.start(),
  },
];

const figures = (part: Part): string =>
  [part.calls, ...[50, 99, 100].map((percent) => percentile(part, percent).toFixed(1))].join(' | ');

/** What the lines of the log say that calls used, in tokens. */
const tokensIn = (lines: readonly Record<string, unknown>[]): number =>
  lines.reduce(
    (sum, { input_tokens, output_tokens }) => sum + Number(input_tokens ?? 0) + Number(output_tokens ?? 0),
    0,
  );

describe.runIf(hasRedis)('rows 60 to 64: Redis in the middle of load', () => {
  it.each(faults)(
    '$name: no call fails, nothing is counted twice, and it heals by itself',
    { timeout: 120_000 },
    async (fault) => {
      const { redis, gateway, during, store, recovered } = await redisScene();
      await recovered();
      // Of a process that has just begun, everything is slow.
      await during(() => sleep(700));
      const before = await during(() => sleep(700));
      // Where other tests keep the processors busy, Redis may have taken longer than is waited for, without any fault.
      await recovered();
      const { failures } = await store();
      const within = await during(async () => {
        await fault.begin(redis);
        await sleep(1_200);
        expect(await store()).toMatchObject({ mode: StoreMode.LOCAL, failures: expect.any(Number) });
        expect((await store()).failures).toBeGreaterThan(failures);
      });
      const after = await during(async () => {
        await fault.end(redis);
        await recovered();
      });
      for (const part of [before, within, after]) {
        expect(part.failed).toEqual([]);
        expect(part.calls).toBeGreaterThan(0);
      }
      console.info(`| ${fault.name} | ${[before, within, after].map(figures).join(' | ')} |`);
      await recovered();
      gateway.signal('SIGTERM');
      await gateway.exited;
      const shared = new RedisStore(systemClock, { ...settingsFor(redis.port, 2_000), keyPrefix: 'antiphon:' });
      const { spent } = await whenNothingIsHeld(shared);
      await shared.close();
      expect(spent).toBe(tokensIn(gateway.lines()));
    },
  );
});
