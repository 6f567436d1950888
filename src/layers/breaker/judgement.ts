import type { ErrorKind, GatewayError } from '../../core/errors.ts';

/** What an error says of the provider: it failed; it answered, so that it works; or nothing. */
export type Judgement = 'failed' | 'answered' | 'neutral';

/** Errors that only a provider's answer can bring, and that are not its fault, or not a failure to answer. */
const ANSWERS: readonly ErrorKind[] = [
  'upstream_rejected',
  'upstream_not_found',
  'upstream_too_large',
  'context_length_exceeded',
  'content_blocked',
  'request_too_large',
];

export function judge({ kind, rule }: GatewayError): Judgement {
  if (rule.trips) return 'failed';
  return ANSWERS.includes(kind) ? 'answered' : 'neutral';
}

/** Whether the provider did not do what it is there for. That it refuses the gateway's own key is counted too. */
export const isFailureThere = ({ rule }: GatewayError): boolean => rule.trips || rule.fault === 'provider';

/** How long a target is left alone where its provider does not say, in milliseconds. By then all its keys were refused. */
const usualMs: Partial<Readonly<Record<ErrorKind, number>>> = {
  upstream_auth: 60_000,
  upstream_billing: 60_000,
  upstream_rate_limited: 5_000,
};

/** For how long the provider wants to be left alone, in milliseconds. Undefined: it does not say so. */
export const coolingMs = (error: GatewayError): number | undefined =>
  isFailureThere(error) ? (error.facts.retryAfterMs ?? usualMs[error.kind]) : undefined;
