import { expect, it } from 'vitest';
import { alertKinds } from '../../src/core/alert.ts';
import { alertMetrics } from '../../src/telemetry/alert-metrics.ts';

const counts = (metrics: ReturnType<typeof alertMetrics>) =>
  metrics.families.flatMap((family) =>
    family.data([0, 0], [0, 0]).dataPoints.map(({ attributes, value }) => [attributes.kind, value]),
  );

it('counts alerts by their kind, each of which is there from the start', () => {
  const metrics = alertMetrics();
  expect(counts(metrics)).toEqual(alertKinds.map((kind) => [kind, 0]));
  metrics.tell({ type: 'alert', kind: 'cost', subject: 'all calls', value: 2, threshold: 1 });
  const limit = { unit: 'requests', window: 'day', amount: 10 } as const;
  metrics.tell({ type: 'limit_alert', subject: { kind: 'team', name: 'search' }, limit, share: 0.8 });
  metrics.tell({ type: 'ended_for_memory' });
  expect(counts(metrics)).toEqual(alertKinds.map((kind) => [kind, kind === 'cost' || kind === 'limit' ? 1 : 0]));
});
