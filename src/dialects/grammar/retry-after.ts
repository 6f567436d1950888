import type { FailedReply } from '../dialect.ts';

type Headers = FailedReply['headers'];

const LONGEST_MS = 60 * 60 * 1000;

/**
 * How long the provider asks to wait, in milliseconds from 0 to an hour; undefined if it does not say.
 *
 * `retry-after-ms` counts first if it is not 0, as in OpenAI's own client; then `retry-after`, in seconds or as a date,
 * which is held against the answer's own `date` so that clocks need not agree; then, where a limit is used up, the time
 * until it is not. Source: the npm package openai 7.55.0, client.mjs (2026-11-21).
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const exactMs = number(headers['retry-after-ms']);
  const saidMs = exactMs || (secondsOrDate(headers['retry-after'], headers.date) ?? exactMs);
  const waitMs = saidMs ?? limitResetMs(headers);
  return waitMs === undefined ? undefined : Math.min(Math.max(Math.round(waitMs), 0), LONGEST_MS);
}

/**
 * Whether to try again, by the provider's own word, as OpenAI and Anthropic give it; undefined if it does not say.
 * Source: the npm packages openai 7.55.0 and @anthropic-ai/sdk 1.11.0, client.mjs (2026-11-21).
 */
export function shouldRetry(headers: Headers): boolean | undefined {
  const said = headers['x-should-retry'];
  return said === 'true' || said === 'false' ? said === 'true' : undefined;
}

function number(text = ''): number | undefined {
  return /^\s*\d{1,12}(?:\.\d{1,12})?\s*$/.test(text) ? Number(text) : undefined;
}

function secondsOrDate(text: string | undefined, date: string | undefined): number | undefined {
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1000;
  const until = time(text);
  const now = time(date);
  return until === undefined || now === undefined ? undefined : until - now;
}

/** An HTTP date. `Date.parse` alone takes many other texts for one. */
function time(text = ''): number | undefined {
  const atMs = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** The longer of the waits for requests and tokens, of those that are used up. */
function limitResetMs(headers: Headers): number | undefined {
  const waits = ['requests', 'tokens']
    .filter((what) => number(headers[`x-ratelimit-remaining-${what}`]) === 0)
    .map((what) => durationMs(headers[`x-ratelimit-reset-${what}`]))
    .filter((wait) => wait !== undefined);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A duration as Go writes it, such as "6m0s" or "12ms", or a number of seconds. */
function durationMs(text = ''): number | undefined {
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1000;
  if (!/^(?:\d{1,12}(?:\.\d{1,12})?(?:ms|h|m|s)){1,4}$/.test(text)) return undefined;
  const parts = text.matchAll(/([\d.]+)(ms|h|m|s)/g);
  return [...parts].reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0);
}
