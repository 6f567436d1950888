import { asArray, asObject, asString } from '../../core/json.ts';

/** What the provider says of a failure besides its message, in the error model of Google's APIs. */
export interface ErrorDetails {
  /** `google.rpc.ErrorInfo`: an identifier. */
  readonly reason: string | undefined;
  /** `google.rpc.QuotaFailure`: the limits that were reached. */
  readonly quotas: readonly string[];
  /** `google.rpc.RetryInfo`: a duration. */
  readonly retryDelay: string;
}

/** More than any failure has. */
const MAX_DETAILS = 32;

/** Reads `error.details`; a list of errors is read by its first. Source: https://google.aip.dev/193 (2026-11-21). */
export function errorDetails(content: unknown): ErrorDetails {
  const outer = asObject(Array.isArray(content) ? content[0] : content);
  const details = asArray(asObject(outer?.error)?.details)
    .slice(0, MAX_DETAILS)
    .map((detail) => asObject(detail) ?? {});
  const reason = details.map((detail) => asString(detail.reason)).find((text) => /^[A-Z0-9_]{1,64}$/.test(text));
  const violations = details.flatMap((detail) => asArray(detail.violations).slice(0, MAX_DETAILS));
  return {
    reason,
    quotas: violations.map((violation) => asString(asObject(violation)?.quotaId)).filter((id) => id !== ''),
    retryDelay: details.map((detail) => asString(detail.retryDelay)).find((text) => text !== '') ?? '',
  };
}
