import { z } from 'zod';
import { bytes, describe, durationMs, type TextRule, text, whole } from './fields.ts';

const redisUrlRule: TextRule = {
  pattern:
    /^rediss?:\/\/(?:(?:[^\s@/%?#]|%[0-9A-Fa-f]{2})*@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/\d{0,4})?(?:\?cluster)?$/,
  problem: 'is not the address of a Redis',
  fix: 'Write redis://user:password@host:port/number, or rediss:// for TLS; all but the host may be left out, what is special in the password is percent-encoded, and ?cluster comes last.',
};

const nodeRule: TextRule = {
  pattern: /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/,
  problem: 'is not the address of a node',
  fix: 'Write host:port, such as redis-2:6379.',
};

const keyPrefixRule: TextRule = {
  pattern: /^[A-Za-z0-9._:/-]{0,64}$/,
  problem: 'is not a possible beginning of keys',
  fix: 'Use up to 64 letters, digits, ".", "_", ":", "/" and "-".',
};

const pathRule: TextRule = {
  pattern: /^[^\0]{1,4096}$/,
  problem: 'is not a path',
  fix: 'Write the path of a file, such as /var/lib/antiphon/store.db.',
};

const MIB = 1024 * 1024;

export const storeSchema = z
  .strictObject({
    redis_url: describe(
      text(redisUrlRule),
      'The Redis that replicas share: redis:// or rediss://, with user, password and database if needed; ?cluster for a cluster. Unset: each process keeps its own.',
    ).optional(),
    redis_nodes: z
      .array(text(nodeRule))
      .max(100)
      .meta({ description: 'Further nodes of a cluster, as host:port, besides that of redis_url.' })
      .default([]),
    key_prefix: describe(text(keyPrefixRule), 'What all keys in Redis begin with.').default('antiphon:'),
    timeout_ms: whole(1, 1000, 'How long a call waits for Redis before it goes on without, in milliseconds.').default(
      50,
    ),
    failures_to_leave: whole(
      1,
      1000,
      'After so many failures in a row Redis is left alone until it is back. One that did not answer in time is enough.',
    ).default(3),
    probes_to_return: whole(1, 1000, 'So many probes in a row must succeed before it is used again.').default(3),
    max_probe_ms: durationMs(100, 'The longest time between probes while it is away.').default(5_000),
    max_pending: whole(
      0,
      1_000_000,
      'The most settlements, refunds and counts that wait for it. Beyond it they are lost, and counted.',
    ).default(10_000),
    sqlite_path: describe(
      text(pathRule),
      'The file in which a process that shares nothing keeps all. Unset: in memory, gone with it.',
    ).optional(),
    max_entries: whole(1, 10_000_000, 'The most values kept in memory.').default(10_000),
    max_bytes: bytes('The most bytes of all values kept in memory.').default(64 * MIB),
    max_accounts: whole(1, 10_000_000, 'The most counters, accounts and reservations kept in memory, of each.').default(
      100_000,
    ),
  })
  .meta({ title: 'Store', description: 'Where what outlives a call is kept: limits, budgets, cached answers.' });

export type StoreEntry = z.infer<typeof storeSchema>;
