import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The key that all callers send. It counts where the gateway asks for keys. */
export const BENCH_KEY = 'ant_bench_0123456789abcdef';

/** Limits that no run reaches, on all that can be limited. */
const LIMITS =
  '{ requests_per_minute: 100000000, tokens_per_minute: 1000000000, tokens_per_day: 100000000000, usd_per_month: 1000000 }';

/** The parts of the configuration, by what they switch on. */
export const BENCH_FILE = {
  access: `
access:
  teams: { bench: {} }
  keys: [{ name: bench, team: bench, hash: "sha256:${createHash('sha256').update(BENCH_KEY).digest('hex')}" }]
`,
  quotas: `
quotas:
  all: ${LIMITS}
  teams: { "*": ${LIMITS} }
  keys: { "*": ${LIMITS} }
  models: { "*": ${LIMITS} }
  allow_unpriced: true
`,
  cache: `
# No two calls ask the same, so that each is looked up, kept, and never found.
cache: { enabled: true, max_temperature: 1 }
`,
  usage: `
usage: { labels: [project] }
`,
};

/** A configuration with keys, limits, budgets and the cache. Gives the path of the file. */
export function tenancyFile(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'tenancy.yaml');
  writeFileSync(path, Object.values(BENCH_FILE).join(''));
  return path;
}
