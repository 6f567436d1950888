import type { FailedReply } from '../dialect.ts';

type Headers = FailedReply['headers'];

const LIMITS = ['requests', 'tokens', 'input-tokens', 'output-tokens'];

const LONGEST_MS = 60 * 60 * 1000;

/**
 * How long until no limit is used up any more, in milliseconds from 0 to an hour; undefined if none is used up, or the
 * answer has no `date` to hold the moments against.
 */
export function limitResetMs(headers: Headers): number | undefined {
  const nowMs = Date.parse(headers.date ?? '');
  const waits = LIMITS.filter((limit) => headers[`anthropic-ratelimit-${limit}-remaining`] === '0')
    .map((limit) => momentMs(headers[`anthropic-ratelimit-${limit}-reset`]) - nowMs)
    .filter((wait) => !Number.isNaN(wait));
  return waits.length === 0 ? undefined : Math.min(Math.max(...waits, 0), LONGEST_MS);
}

/** A moment as RFC 3339 writes it; not a number for anything else. */
const momentMs = (text = ''): number =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
