import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { RedisStore } from '../../src/stores/redis.ts';
import { freePort, hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeContract } from './contract.ts';
import { settingsFor } from './redis-settings.ts';

function hasCli(): boolean {
  try {
    execFileSync('redis-cli', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Three nodes without replicas. */
async function startCluster(): Promise<readonly RedisServer[]> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-port'];
  const start = async () => startRedis(...options, `${await freePort()}`);
  const nodes = await Promise.all([start(), start(), start()]);
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'ignore' });
  for (const node of nodes)
    await vi.waitFor(async () => expect(await node.command('CLUSTER', 'INFO')).toMatch(/cluster_state:ok/), 20_000);
  return nodes;
}

describe.skipIf(!hasRedis || !hasCli())('the store in a cluster', () => {
  storeContract(async () => {
    const nodes = await startCluster();
    const [first] = nodes;
    const store = new RedisStore(systemClock, { ...settingsFor(first?.port ?? 0), isCluster: true });
    await vi.waitFor(() => store.get('any'), { timeout: 20_000 });
    return {
      store,
      pass: (ms) => sleep(ms + 2),
      async close() {
        await store.close();
        await Promise.all(nodes.map((node) => node.close()));
      },
    };
  }, 10);

  it('is unreachable where there is no cluster', async () => {
    const store = new RedisStore(systemClock, { ...settingsFor(1), isCluster: true });
    onTestFinished(() => store.close());
    await expect(store.get('k')).rejects.toMatchObject({ failure: 'unreachable' });
  });
});
