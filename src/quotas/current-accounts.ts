import type { Caller } from '../core/call.ts';
import type { Target } from '../core/target.ts';
import { type Account, accountsOf } from './accounts.ts';
import { limitsOfCaller, limitsOfModel, type QuotaSettings } from './settings.ts';

/** The accounts that a call draws on, as they were at a moment. */
export interface Accounts {
  readonly list: readonly Account[];
  /** The moment, since 1970. */
  readonly wallMs: number;
  /** Whether one of them is of money. */
  readonly ofMoney: boolean;
}

/** So many are kept of callers and of models; of more than that, all are looked up again. */
const MOST_KEPT = 10_000;

/** Looks up accounts, once for as long as their windows last. */
export class CurrentAccounts {
  readonly #settings: QuotaSettings;
  readonly #callers = new Map<string, Kept>();
  readonly #models = new Map<string, Kept>();

  constructor(settings: QuotaSettings) {
    this.#settings = settings;
  }

  /** Of all limits that calls of this caller have to keep, besides those of models. */
  ofCaller(caller: Caller, wallMs: number): Accounts {
    const kept = this.#callers.get(caller.name);
    if (kept && kept.team === caller.team && isNow(kept, wallMs)) return at(kept, wallMs);
    const list = limitsOfCaller(this.#settings, caller).flatMap((limited) => accountsOf(limited, wallMs));
    return at(keep(this.#callers, caller.name, { list, fromMs: wallMs, team: caller.team }), wallMs);
  }

  ofModel(target: Target, wallMs: number): Accounts {
    const name = `${target.provider}/${target.model}`;
    const kept = this.#models.get(name);
    if (kept && isNow(kept, wallMs)) return at(kept, wallMs);
    const limited = limitsOfModel(this.#settings, target);
    const list = limited ? accountsOf(limited, wallMs) : [];
    return at(keep(this.#models, name, { list, fromMs: wallMs, team: '' }), wallMs);
  }
}

interface Found {
  readonly list: readonly Account[];
  readonly fromMs: number;
  readonly team: string;
}

interface Kept extends Found {
  /** When the first of their windows ends. */
  readonly endsMs: number;
  readonly ofMoney: boolean;
}

const isNow = ({ fromMs, endsMs }: Kept, wallMs: number): boolean => wallMs >= fromMs && wallMs < endsMs;

const at = ({ list, ofMoney }: Kept, wallMs: number): Accounts => ({ list, ofMoney, wallMs });

function keep(kept: Map<string, Kept>, name: string, found: Found): Kept {
  const endsMs = Math.min(...found.list.map((account) => account.endsMs));
  const ofMoney = found.list.some(({ limit }) => limit.unit === 'nano_usd');
  const made = { ...found, endsMs, ofMoney };
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(name, made);
  return made;
}
