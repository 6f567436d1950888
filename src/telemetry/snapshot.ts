import type { Attributes, HrTime } from '@opentelemetry/api';
import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import type { Family } from './instruments.ts';

/** One number, as `/metrics` has it: its name there, and the labels besides those that it is grouped by. */
export interface Counted {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is counted of one model at one provider. No model: of the provider. Neither: of the gateway. */
export interface CountedOfTarget {
  readonly provider?: string;
  readonly model?: string;
  readonly counters: readonly Counted[];
}

const NEVER: HrTime = [0, 0];

/** Everything that is counted now, grouped by provider and model. Of histograms, the count and the sum. */
export function snapshotOf(families: readonly Family[]): readonly CountedOfTarget[] {
  const groups = new Map<string, { readonly provider?: string; readonly model?: string; counters: Counted[] }>();
  for (const metric of families.map((family) => family.data(NEVER, NEVER)))
    for (const { name, value, attributes } of points(metric)) {
      const { provider, model, ...labels } = texts(attributes);
      const key = `${provider ?? ''}\n${model ?? ''}`;
      const group = groups.get(key) ?? { ...(provider ? { provider } : {}), ...(model ? { model } : {}), counters: [] };
      groups.set(key, group);
      group.counters.push({ name, labels, value });
    }
  return [...groups.values()];
}

interface Point {
  readonly name: string;
  readonly value: number;
  readonly attributes: Attributes;
}

function points(metric: MetricData): readonly Point[] {
  const { name } = metric.descriptor;
  if (metric.dataPointType === DataPointType.SUM)
    return metric.dataPoints.map(({ value, attributes }) => ({ name, value, attributes }));
  if (metric.dataPointType !== DataPointType.HISTOGRAM) return [];
  return metric.dataPoints.flatMap(({ value: { count, sum = 0 }, attributes }) => [
    { name: `${name}_count`, value: count, attributes },
    { name: `${name}_sum`, value: sum, attributes },
  ]);
}

const texts = (attributes: Attributes): Record<string, string> =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)]));
