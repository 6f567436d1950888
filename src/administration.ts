import type { KeyRecord } from './access/key-record.ts';
import type { PurgeScope } from './cache/purges.ts';
import { ofTenant, tenantOf } from './cache/tenant.ts';
import type { Clock } from './core/clock.ts';
import { GatewayError } from './core/errors.ts';
import { may } from './core/roles.ts';
import { providerHealth } from './resilience/provider-health.ts';
import { alertsAdmin } from './services/admin/alerts.ts';
import { type CacheScope, cacheAdmin } from './services/admin/cache.ts';
import { type Asked, type KnownProvider, providersAdmin } from './services/admin/providers.ts';
import { usageAdmin } from './services/admin/usage.ts';
import type { AdminParts } from './services/admin.ts';
import type { Lasting, Serving } from './serving.ts';
import type { Snapshots } from './snapshots.ts';
import { StoreError } from './stores/store.ts';
import { dayAt } from './usage/book.ts';
import { type Division, totalOf, usageReport } from './usage/report.ts';

export interface AdministrationParts {
  readonly snapshots: Pick<Snapshots<Serving>, 'current' | 'use'>;
  readonly lasting: Pick<Lasting, 'clock' | 'answers' | 'store' | 'alertBook'>;
  /** Every key there is, wherever it is kept. */
  readonly keys: () => readonly KeyRecord[];
  /** The labels that usage is counted by. */
  readonly usageLabels: readonly string[];
}

/** What stands behind the AdminService, as far as it is to be seen. */
export function administration({ snapshots, lasting, keys, usageLabels }: AdministrationParts): AdminParts {
  const { clock, answers, store, alertBook } = lasting;
  return {
    providers: providersAdmin({
      on: () => knownProviders(snapshots.current, clock),
      off: () => snapshots.current.config.offProviders,
      ask: (provider, signal) => snapshots.use((now) => asked(now, provider, signal)),
      clock,
    }),
    cache: cacheAdmin({
      read: () => ({ ...answers.stats, enabled: snapshots.current.config.cache.enabled, shared: answers.isShared }),
      list: ({ team, key, model }, most) => {
        const tenant = team === '' && key === '' ? {} : { tenant: tenantOf({ name: key, team }) };
        const wanted = { ...tenant, ...(model === '' ? {} : { model }) };
        return answers.list(wanted, most).map(({ tenant: whose, ...entry }) => ({ ...entry, ...ofTenant(whose) }));
      },
      purge: (scope) => kept(answers.purge(purgeScope(scope))),
    }),
    usage: usageAdmin<Division>({
      divisions: () => divisionsOf(usageLabels),
      today: () => dayAt(clock.wallMs()),
      async report(query, signal) {
        const groups = await kept(usageReport(store, query, signal));
        return { groups, total: totalOf(groups) };
      },
    }),
    alerts: alertsAdmin({ newest: (most) => alertBook.newest(most) }),
    hasOperators: () => keys().some((key) => isOperator(key, clock)),
  };
}

const isOperator = ({ roles, isRevoked, expiresMs }: KeyRecord, clock: Clock): boolean =>
  may(roles, 'watch') && !isRevoked && (expiresMs === undefined || expiresMs > clock.wallMs());

function knownProviders({ config, readings, models }: Serving, clock: Clock): readonly KnownProvider[] {
  const health = new Map(readings().map((each) => [each.provider, providerHealth(each, clock.now())]));
  const counts = new Map<string, number>();
  for (const { provider, allowed } of models()) if (allowed) counts.set(provider, (counts.get(provider) ?? 0) + 1);
  return config.providers.flatMap(({ name, kind, baseUrl, keys }) => {
    const state = health.get(name);
    const keyNames = keys.map((key) => key.name);
    return state ? [{ name, kind, baseUrl, keyNames, models: counts.get(name) ?? 0, health: state }] : [];
  });
}

async function asked({ config, asker }: Serving, provider: string, signal: AbortSignal): Promise<Asked> {
  const known = config.providers.find(({ name }) => name === provider);
  if (!known) return 'unknown';
  const ask = asker(provider);
  // The mock answers whatever it is asked.
  if (!ask) return known.baseUrl ? 'nothing_to_ask' : 'answered';
  await ask(signal);
  return 'answered';
}

/** As `tenantOf` has it: a key with a team shares what its team has. */
function purgeScope(scope: CacheScope): PurgeScope {
  if (scope === 'all') return scope;
  if ('model' in scope) return { model: scope.model };
  return {
    tenant: 'team' in scope ? tenantOf({ name: '', team: scope.team }) : tenantOf({ name: scope.key, team: '' }),
  };
}

const divisionsOf = (labels: readonly string[]): readonly Division[] => [
  ...(['day', 'team', 'key', 'provider', 'model'] as const),
  ...labels.map((label): Division => `label:${label}`),
];

/** Waits for the store. Errors: `store_unavailable` if it fails. */
async function kept<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    if (!(thrown instanceof StoreError)) throw thrown;
    throw new GatewayError(
      'store_unavailable',
      'The store does not answer. Try again, and see its state with Health.',
      {
        cause: thrown,
      },
    );
  }
}
