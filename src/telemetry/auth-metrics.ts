import { type AuthFailure, authFailures } from '../core/auth-failure.ts';
import { CounterFamily, type Family, Labelled } from './instruments.ts';

/** How often callers were turned away because of their keys. Whose, and which, is not counted. */
export function authMetrics(): {
  readonly families: readonly Family[];
  readonly failed: (reason: AuthFailure) => void;
} {
  const failures = new CounterFamily({
    name: 'llm_auth_failures_total',
    help: 'Requests that came without a valid key.',
  });
  const byReason = new Labelled(failures, ['reason']);
  for (const reason of authFailures) byReason.of(reason);
  return { families: [failures], failed: (reason) => void byReason.of(reason).value++ };
}
