import type { Call } from '../core/call.ts';
import { Alerts } from './alerts.ts';
import { Meter, type MeterParts } from './meter.ts';
import { isLimiting, limitsOfCaller } from './settings.ts';

/** The limits of all calls. */
export interface Quotas {
  /** Undefined: nothing limits the call. */
  meterOf(call: Call): Meter | undefined;
  /** To be given what goes on after a call has been answered. */
  settling(work: Promise<void>): void;
  /** Resolves when all that calls have spent is written down. */
  settled(): Promise<void>;
}

export function quotas(parts: Omit<MeterParts, 'alerts'>): Quotas {
  const { settings, tell } = parts;
  const ofMeters = { ...parts, alerts: new Alerts(settings.alertAt, tell) };
  const hasModels = settings.models.named.size > 0 || settings.models.each.length > 0;
  const isAnything = isLimiting(settings);
  const under = new Set<Promise<void>>();
  return {
    meterOf(call) {
      if (!isAnything) return undefined;
      const callers = limitsOfCaller(settings, call.caller);
      return callers.length > 0 || hasModels ? new Meter(ofMeters, call, callers) : undefined;
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
