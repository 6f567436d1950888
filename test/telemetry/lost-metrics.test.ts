import { expect, it } from 'vitest';
import { lostMetrics } from '../../src/telemetry/lost-metrics.ts';

const counts = (metrics: ReturnType<typeof lostMetrics>) =>
  metrics.families.flatMap((family) =>
    family.data([0, 0], [0, 0]).dataPoints.map(({ attributes, value }) => [attributes.kind, value]),
  );

it('counts what is lost by its kind, each of which is there from the start', () => {
  const metrics = lostMetrics();
  expect(counts(metrics)).toEqual([
    ['usage', 0],
    ['audit', 0],
  ]);
  metrics.tell({ type: 'records_lost', kind: 'audit', count: 3 });
  metrics.tell({ type: 'records_lost', kind: 'audit', count: 2 });
  metrics.tell({ type: 'limits_unchecked', cause: 'timeout' });
  expect(counts(metrics)).toEqual([
    ['usage', 0],
    ['audit', 5],
  ]);
});
