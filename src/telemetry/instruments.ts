import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';

/*
 * Series are plain objects that are found once and then added to: the SDK's own instruments sort and serialize the
 * labels at every measurement, which for the ten measurements of a call costs more than the rest of telemetry.
 */

/** The label of what is not in a closed set. */
export const OTHER = 'other';

/** Costs are counted in thousand-millionths of a dollar. */
export const NANO = 1_000_000_000;

/** Source: OpenTelemetry GenAI conventions, advice for `gen_ai.client.*.duration` (2026-11-21). */
export const DURATION_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/** What a metric is called, as Prometheus shows it. */
export interface MetricName {
  readonly name: string;
  readonly help: string;
  /** In full, such as "seconds"; empty: none. */
  readonly unit?: string;
}

const descriptor = ({ name, help, unit = '' }: MetricName) => ({
  name,
  description: help,
  unit,
  valueType: ValueType.DOUBLE,
});

export class Counter {
  readonly labels: Attributes;
  value = 0;

  constructor(labels: Attributes) {
    this.labels = labels;
  }
}

export class Histogram {
  readonly labels: Attributes;
  readonly boundaries: readonly number[];
  /** One more than there are boundaries. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(labels: Attributes, boundaries: readonly number[]) {
    this.labels = labels;
    this.boundaries = boundaries;
    this.counts = new Array<number>(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    let bucket = 0;
    while (value > (this.boundaries[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.count++;
    this.sum += value;
  }
}

/** Gives a metric's present state, for a scrape. */
export interface Family {
  data(start: HrTime, now: HrTime): MetricData;
}

/** What a counter is besides its name. */
export interface CounterOptions {
  /** False: it is a gauge, which calls add to and take from. Default: true. */
  readonly isMonotonic?: boolean;
  /** How many of what is counted are one of what is shown: whole numbers add up exactly, fractions do not. Default: 1. */
  readonly countedPerShown?: number;
}

/** All series of one counter, or of one gauge. */
export class CounterFamily implements Family {
  readonly #name: MetricName;
  readonly #isMonotonic: boolean;
  readonly #countedPerShown: number;
  readonly #series: Counter[] = [];

  constructor(name: MetricName, { isMonotonic = true, countedPerShown = 1 }: CounterOptions = {}) {
    this.#name = name;
    this.#isMonotonic = isMonotonic;
    this.#countedPerShown = countedPerShown;
  }

  /** A new series. Whoever asks keeps it, and asks but once for the same labels. */
  series(labels: Attributes): Counter {
    const counter = new Counter(labels);
    this.#series.push(counter);
    return counter;
  }

  data(startTime: HrTime, endTime: HrTime): MetricData {
    return {
      descriptor: descriptor(this.#name),
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.SUM,
      isMonotonic: this.#isMonotonic,
      dataPoints: this.#series.map(({ labels, value }) => ({
        startTime,
        endTime,
        attributes: labels,
        value: value / this.#countedPerShown,
      })),
    };
  }
}

/** All series of one histogram. */
export class HistogramFamily implements Family {
  readonly #name: MetricName;
  readonly #boundaries: readonly number[];
  readonly #series: Histogram[] = [];

  constructor(name: MetricName, boundaries: readonly number[]) {
    this.#name = name;
    this.#boundaries = boundaries;
  }

  /** A new series. Whoever asks keeps it, and asks but once for the same labels. */
  series(labels: Attributes): Histogram {
    const histogram = new Histogram(labels, this.#boundaries);
    this.#series.push(histogram);
    return histogram;
  }

  data(startTime: HrTime, endTime: HrTime): MetricData {
    return {
      descriptor: descriptor(this.#name),
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: this.#series.map(({ labels, boundaries, counts, sum, count }) => ({
        startTime,
        endTime,
        attributes: labels,
        value: { buckets: { boundaries: [...boundaries], counts: [...counts] }, sum, count },
      })),
    };
  }
}

/**
 * The series of a family by the values of their labels, each made when it is first needed. The values must be from
 * closed sets.
 */
export class Labelled<Series> {
  readonly #family: { series(labels: Attributes): Series };
  readonly #names: readonly string[];
  readonly #series = new Map<string, Series>();

  constructor(family: { series(labels: Attributes): Series }, names: readonly string[]) {
    this.#family = family;
    this.#names = names;
  }

  /** The values are in the order of the names. */
  of(...values: readonly string[]): Series {
    const key = values.join('\n');
    const known = this.#series.get(key);
    if (known) return known;
    const made = this.#family.series(Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? ''])));
    this.#series.set(key, made);
    return made;
  }
}

/** A number that is looked up when it is asked for. */
export const observed = (name: MetricName, isMonotonic: boolean, read: () => number): Family =>
  observedSeries(name, isMonotonic, () => [{ labels: {}, value: read() }]);

/** Several of them. The labels must be from a closed set. */
export const observedSeries = (
  name: MetricName,
  isMonotonic: boolean,
  read: () => readonly { readonly labels: Attributes; readonly value: number }[],
): Family => ({
  data: (startTime, endTime) => ({
    descriptor: descriptor(name),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints: read().map(({ labels, value }) => ({ startTime, endTime, attributes: labels, value })),
  }),
});
