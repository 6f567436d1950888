import { type Limit, type LimitUnit, type LimitWindow, limitWindows } from '../core/limits.ts';
import { type LimitTable, noQuotas, type QuotaSettings } from '../quotas/settings.ts';
import type { FileConfig } from './schema.ts';
import type { LimitsEntry } from './schema-quotas.ts';

const NANO = 1_000_000_000;

export function quotasOf({ quotas }: FileConfig): QuotaSettings {
  return {
    all: limitsOf(quotas.all),
    teams: tableOf(quotas.teams),
    keys: tableOf(quotas.keys),
    models: tableOf(quotas.models),
    outputTokens: quotas.output_tokens,
    allowUnpriced: quotas.allow_unpriced,
    alertAt: quotas.alert_at_percent?.map((percent) => percent / 100).toSorted((a, b) => a - b) ?? noQuotas.alertAt,
  };
}

function tableOf(entries: Readonly<Record<string, LimitsEntry>>): LimitTable {
  const { '*': each = {}, ...named } = entries;
  return {
    named: new Map(Object.entries(named).map(([name, entry]) => [name, limitsOf(entry)])),
    each: limitsOf(each),
  };
}

const words: Readonly<Record<LimitUnit, string>> = { requests: 'requests', tokens: 'tokens', nano_usd: 'usd' };

function limitsOf(entry: LimitsEntry): readonly Limit[] {
  const amounts: Readonly<Record<string, number | undefined>> = entry;
  const limit = (unit: LimitUnit, window: LimitWindow): readonly Limit[] => {
    const amount = amounts[`${words[unit]}_per_${window}`];
    if (amount === undefined) return [];
    return [{ unit, window, amount: unit === 'nano_usd' ? Math.round(amount * NANO) : amount }];
  };
  return limitWindows.flatMap((window) => [
    ...limit('requests', window),
    ...limit('tokens', window),
    ...limit('nano_usd', window),
  ]);
}
