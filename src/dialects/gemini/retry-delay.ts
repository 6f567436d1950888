import type { ReportedError } from '../grammar/reported-error.ts';
import type { ErrorDetails } from './error-details.ts';

const LONGEST_MS = 60 * 60 * 1000;

/**
 * How long the provider asks to wait, in milliseconds up to an hour: by RetryInfo, else in its message, else a minute
 * for a limit by the minute. Undefined if it says nothing.
 */
export function retryDelayMs({ retryDelay, quotas }: ErrorDetails, { message }: ReportedError): number | undefined {
  const said = durationMs(retryDelay) ?? durationMs(IN_WORDS.exec(message.slice(0, 4_000))?.[1] ?? '');
  const waitMs = said ?? (quotas.some((id) => /PerMinute/i.test(id)) ? 60_000 : undefined);
  return waitMs === undefined ? undefined : Math.min(Math.round(waitMs), LONGEST_MS);
}

const IN_WORDS = /\bretry in ([\d.hms]{2,40})/i;

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A duration such as "34.07s", "900ms" or "1h2m3s". A full stop may follow it. */
function durationMs(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,12})?(?:ms|h|m|s)){1,4}\.?$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g);
  return [...parts].reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0);
}
