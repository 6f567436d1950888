import type { StoreSettings } from '../stores/settings.ts';
import type { Problem } from './problem.ts';
import type { StoreEntry } from './schema-store.ts';
import { valueAt } from './tree.ts';

const PORT = 6379;
const FIRST_PROBE_MS = 100;

type Redis = NonNullable<StoreSettings['redis']>;

const hostOf = (name: string): string => name.replace(/^\[|\]$/g, '');

function nodeOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: hostOf(address.slice(0, colon)), port: Number(address.slice(colon + 1)) };
}

/** As it is, where it is no percent-encoded UTF-8. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const isCluster = (url: URL, { redis_nodes }: StoreEntry): boolean => url.search !== '' || redis_nodes.length > 0;

function redisOf(entry: StoreEntry): Redis | undefined {
  if (entry.redis_url === undefined) return undefined;
  const url = new URL(entry.redis_url);
  return {
    nodes: [{ host: hostOf(url.hostname), port: Number(url.port || PORT) }, ...entry.redis_nodes.map(nodeOf)],
    isCluster: isCluster(url, entry),
    tls: url.protocol === 'rediss:',
    username: url.username === '' ? undefined : decoded(url.username),
    password: url.password === '' ? undefined : decoded(url.password),
    db: Number(url.pathname.slice(1)),
    keyPrefix: entry.key_prefix,
    timeoutMs: entry.timeout_ms,
  };
}

export const storeOf = (entry: StoreEntry): StoreSettings => ({
  redis: redisOf(entry),
  sqlitePath: entry.sqlite_path,
  maxEntries: entry.max_entries,
  maxBytes: entry.max_bytes,
  maxAccounts: entry.max_accounts,
  failover: {
    failuresToLeave: entry.failures_to_leave,
    probesToReturn: entry.probes_to_return,
    probeMs: FIRST_PROBE_MS,
    maxProbeMs: entry.max_probe_ms,
    maxPending: entry.max_pending,
    maxSeen: entry.max_accounts,
  },
});

const problem = (key: string, what: string, fix: string): Problem => ({ path: `store.${key}`, problem: what, fix });

export function storeProblems({ store }: { readonly store: StoreEntry }): Problem[] {
  const { redis_url, redis_nodes, sqlite_path } = store;
  if (redis_url === undefined)
    return redis_nodes.length === 0 ? [] : [problem('redis_nodes', 'is of no use without redis_url', 'Set both.')];
  if (!URL.canParse(redis_url)) return [problem('redis_url', 'has a port that cannot be', 'Use one up to 65535.')];
  const url = new URL(redis_url);
  const found: Problem[] = [];
  if (sqlite_path !== undefined) found.push(problem('sqlite_path', 'is of no use with a Redis', 'Set one of both.'));
  if (isCluster(url, store) && Number(url.pathname.slice(1)) > 0)
    found.push(problem('redis_url', 'names a database, and a cluster has none', 'Leave out the number.'));
  return found;
}

/** The address of Redis as a whole, and its password, as it is written and as it is. */
export function storeSecrets(tree: unknown): readonly string[] {
  const address = valueAt(tree, ['store', 'redis_url']);
  if (typeof address !== 'string') return [];
  const password = URL.canParse(address) ? new URL(address).password : '';
  return [address, password, decoded(password)].filter((secret) => secret !== '');
}
