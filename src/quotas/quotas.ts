import type { Call } from '../core/call.ts';
import { Alerts } from './alerts.ts';
import { CurrentAccounts } from './current-accounts.ts';
import { Meter, type MeterParts } from './meter.ts';
import { isLimiting, type QuotaSettings } from './settings.ts';

/** The limits of all calls. */
export interface Quotas {
  /** Undefined: nothing limits the call. */
  meterOf(call: Call): Meter | undefined;
  /** To be given what goes on after a call has been answered. */
  settling(work: Promise<void>): void;
  /** Resolves when all that calls have spent is written down. */
  settled(): Promise<void>;
}

export interface QuotaParts extends Omit<MeterParts, 'alerts' | 'accounts' | 'settings'> {
  readonly settings: QuotaSettings;
}

export function quotas(parts: QuotaParts): Quotas {
  const { settings, tell, clock } = parts;
  const accounts = new CurrentAccounts(settings);
  const ofMeters = { ...parts, accounts, alerts: new Alerts(settings.alertAt, tell) };
  const hasModels = settings.models.named.size > 0 || settings.models.each.length > 0;
  const isAnything = isLimiting(settings);
  const under = new Set<Promise<void>>();
  return {
    meterOf(call) {
      if (!isAnything) return undefined;
      const callers = accounts.ofCaller(call.caller, clock.wallMs());
      return callers.list.length > 0 || hasModels ? new Meter(ofMeters, call, callers) : undefined;
    },
    settling(work) {
      under.add(work);
      void work.finally(() => under.delete(work));
    },
    async settled() {
      await Promise.all(under);
    },
  };
}
