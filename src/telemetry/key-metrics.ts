import type { ErrorKind } from '../core/errors.ts';
import { type Family, observedSeries } from './instruments.ts';

/** How many of a provider's keys it has refused for one reason, and are left alone for now. */
export interface KeysAside {
  readonly provider: string;
  readonly reason: ErrorKind;
  readonly keys: number;
}

/** `read` gives one for each provider that has keys and each possible reason, so that a series never comes or goes. */
export const keyMetrics = (read: () => readonly KeysAside[]): readonly Family[] => [
  observedSeries(
    { name: 'llm_keys_set_aside', help: 'Keys that a provider has refused, and that are left alone for now.' },
    false,
    () => read().map(({ provider, reason, keys }) => ({ labels: { provider, error_type: reason }, value: keys })),
  ),
];
