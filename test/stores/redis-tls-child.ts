import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import { StoreError } from '../../src/stores/store.ts';
import { settingsFor } from './redis-settings.ts';

const store = new RedisStore(systemClock, { ...settingsFor(Number(process.argv[2])), tls: true });

/** What it gives; or why it fails, once that is more than that it has not connected yet. */
async function answer(): Promise<string> {
  for (;;) {
    try {
      return `${await store.add('n', 1, 60_000)}`;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (/[A-Z]{3}/.test(String(error.cause))) return `${error.failure} ${error.cause}`;
      await sleep(10);
    }
  }
}

process.stdout.write(await answer());
await store.close();
