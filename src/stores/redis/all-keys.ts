import type { RedisConnection } from './connection.ts';

/** How many keys Redis looks at in one step. */
const STEP = '1000';
/** How many more than wanted are kept until the last of them are let go. */
const SPARE = 1_000;

const escaped = (text: string): string => text.replace(/[\\*?[\]^]/g, '\\$&');

/**
 * The first keys by their bytes that begin with this and come after `after`. Looks at every key there is, in steps.
 * Errors: StoreError.
 */
export async function keysWith(
  redis: RedisConnection,
  prefix: string,
  limit: number,
  after: string,
): Promise<readonly string[]> {
  let found = new Set<string>();
  const first = () => [...found].sort().slice(0, limit);
  const masters = await redis.ask(async (client) => redis.masters(client));
  for (const master of masters) {
    let cursor = '0';
    do {
      const [next, keys] = await redis.ask(() => master.scan(cursor, 'MATCH', `${escaped(prefix)}*`, 'COUNT', STEP));
      for (const key of keys) if (key > after) found.add(key);
      if (found.size > limit + SPARE) found = new Set(first());
      cursor = next;
    } while (cursor !== '0');
  }
  return first();
}
