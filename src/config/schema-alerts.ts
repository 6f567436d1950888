import { z } from 'zod';
import { defaultAlerts } from '../alerts/settings.ts';
import { durationMs, number, whole } from './fields.ts';

const HOUR_MS = 3_600_000;

export const alertsSchema = z
  .strictObject({
    error_rate: number(
      0.001,
      1,
      'The share of the calls to a model, or of all calls, that fail: at this one an alert is told. Calls that fail for their callers are left out. Unset: none is told.',
    ).optional(),
    latency_p95_ms: whole(
      1,
      HOUR_MS,
      'The time that 95 of 100 calls to a model, or of all calls, do not exceed: at this one an alert is told. Unset: none is told.',
    ).optional(),
    usd_per_hour: number(
      0.000_001,
      1_000_000,
      'What all calls of the last hour cost together, at this replica, in US dollars: at this an alert is told. Unset: none is told.',
    ).optional(),
    window_ms: durationMs(1_000, 'How far back errors and times are looked at.').default(defaultAlerts.windowMs),
    min_calls: whole(1, 1_000_000, 'Of fewer calls than this, nothing is told of errors and times.').default(
      defaultAlerts.minCalls,
    ),
  })
  .meta({ title: 'Alerts', description: 'When operators are told that calls fail, take long, or cost much.' });

export type AlertsEntry = z.infer<typeof alertsSchema>;
