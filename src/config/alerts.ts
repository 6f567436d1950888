import type { AlertSettings } from '../alerts/settings.ts';
import type { AlertsEntry } from './schema-alerts.ts';

const NANOS_PER_USD = 1e9;

export const alertsOf = (alerts: AlertsEntry): AlertSettings => ({
  errorRate: alerts.error_rate,
  latencyP95Ms: alerts.latency_p95_ms,
  nanoUsdPerHour: alerts.usd_per_hour === undefined ? undefined : Math.round(alerts.usd_per_hour * NANOS_PER_USD),
  windowMs: alerts.window_ms,
  minCalls: alerts.min_calls,
});
