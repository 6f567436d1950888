import type { Caller } from '../core/call.ts';
import type { Limit, Subject } from '../core/limits.ts';
import type { Target } from '../core/target.ts';

/** The limits of some by name, and of each of the others. */
export interface LimitTable {
  readonly named: ReadonlyMap<string, readonly Limit[]>;
  readonly each: readonly Limit[];
}

/** How much may be used, and by whom. */
export interface QuotaSettings {
  /** Of all calls together. */
  readonly all: readonly Limit[];
  readonly teams: LimitTable;
  readonly keys: LimitTable;
  /** By "provider/id". */
  readonly models: LimitTable;
  /** The output that is held for a call that sets no bound. */
  readonly outputTokens: number;
  /** Whether a model without a price may be called where money is limited. */
  readonly allowUnpriced: boolean;
  /** Shares of a limit whose passing is told, lowest first: 0.8 is 80 %. */
  readonly alertAt: readonly number[];
}

const nobody: LimitTable = { named: new Map(), each: [] };

export const noQuotas: QuotaSettings = {
  all: [],
  teams: nobody,
  keys: nobody,
  models: nobody,
  outputTokens: 1_000,
  allowUnpriced: false,
  alertAt: [0.8, 1],
};

/** Someone with limits. */
export interface Limited {
  readonly subject: Subject;
  readonly limits: readonly Limit[];
}

/** Whose limits a call of this caller has to keep, besides those of models. */
export function limitsOfCaller({ all, teams, keys }: QuotaSettings, { name, team }: Caller): readonly Limited[] {
  return [
    { subject: { kind: 'all' as const, name: '' }, limits: all },
    ...(team === '' ? [] : [{ subject: { kind: 'team' as const, name: team }, limits: limitsIn(teams, team) }]),
    { subject: { kind: 'key' as const, name }, limits: limitsIn(keys, name) },
  ].filter(({ limits }) => limits.length > 0);
}

/** Undefined: it has none. */
export function limitsOfModel({ models }: QuotaSettings, { provider, model }: Target): Limited | undefined {
  const name = `${provider}/${model}`;
  const limits = limitsIn(models, name);
  return limits.length === 0 ? undefined : { subject: { kind: 'model', name }, limits };
}

const limitsIn = ({ named, each }: LimitTable, name: string): readonly Limit[] => named.get(name) ?? each;

/** Whether anything is limited at all. */
export const isLimiting = ({ all, teams, keys, models }: QuotaSettings): boolean =>
  all.length > 0 || [teams, keys, models].some(({ named, each }) => named.size > 0 || each.length > 0);
