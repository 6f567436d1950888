import type { ReportedError } from '../grammar/reported-error.ts';
import type { ErrorDetails } from './error-details.ts';

/**
 * Whether waiting a little does not help: a limit for the day is used up, the limit is 0 because the model is not in
 * the account's plan, or what was paid in advance is spent.
 *
 * Source: the npm package @google/gemini-cli-core 0.61.0, utils/googleQuotaErrors.js (2026-11-21).
 */
export const isQuotaGone = ({ message }: ReportedError, { quotas }: ErrorDetails): boolean =>
  quotas.some((id) => /PerDay|Daily/i.test(id)) || GONE.test(message.slice(0, 4_000));

/** The texts about credits and a cap are not verified. */
const GONE = /\blimit: 0(?![.\d])|\bcredits are depleted\b|\bspending cap\b/i;
