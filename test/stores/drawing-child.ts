import { writeSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';

const [path = '', name = '', rounds = '0', limit = '0'] = process.argv.slice(2);
const TTL_MS = 600_000;
const store = new SqliteStore(systemClock, { path, maxBytes: 64 * 1024 * 1024 });

for (let round = 0; round < Number(rounds); round++) {
  const id = `${name} ${round}`;
  await store.add('rounds', 1, TTL_MS);
  await store.tally({ table: 't', id, counts: new Map([['c', 1]]), ttlMs: TTL_MS });
  const holds = [{ account: 'a', amount: 1, limit: Number(limit), ttlMs: TTL_MS }];
  const { granted } = await store.reserve({ ledger: 'l', id, ttlMs: TTL_MS, holds });
  if (granted) await store.settle({ ledger: 'l', id, spent: [{ account: 'a', amount: 1, ttlMs: TTL_MS }] });
  writeSync(1, '.');
}
await store.close();
