import { CounterFamily, type Family, Labelled, observed } from './instruments.ts';

/** Why the store that replicas share failed. */
export const storeFailures = ['unreachable', 'timeout', 'read_only', 'full', 'refused', 'closed'] as const;

/** How the store is doing. */
export interface StoreGauges {
  /** Replicas share one, and it is away. */
  readonly degraded: boolean;
  /** Changes that wait for it. */
  readonly pending: number;
}

/** What is counted of the store. `gauges` is asked at every scrape. */
export function storeMetrics(gauges: () => StoreGauges): {
  readonly families: readonly Family[];
  readonly storeFailed: (reason: (typeof storeFailures)[number]) => void;
  readonly storeLost: () => void;
} {
  const failures = new CounterFamily({ name: 'llm_store_failures_total', help: 'How often the shared store failed.' });
  const lost = new CounterFamily({
    name: 'llm_store_changes_lost_total',
    help: 'Settlements, refunds and counts that the shared store will never know of.',
  });
  const byReason = new Labelled(failures, ['reason']);
  for (const reason of storeFailures) byReason.of(reason);
  const lostSeries = lost.series({});
  const gauge = (name: string, help: string, value: () => number) => observed({ name, help }, false, value);
  return {
    families: [
      gauge('llm_store_degraded', 'Whether the shared store is away: 1 or 0.', () => (gauges().degraded ? 1 : 0)),
      gauge('llm_store_pending', 'Changes that wait for the shared store.', () => gauges().pending),
      failures,
      lost,
    ],
    storeFailed(reason) {
      byReason.of(reason).value++;
    },
    storeLost() {
      lostSeries.value++;
    },
  };
}
