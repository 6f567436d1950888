import { getBooleanFromEnv, getNumberFromEnv, getStringFromEnv, getStringListFromEnv } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  type BatchSpanProcessorOptions,
  ParentBasedSampler,
  type Sampler,
  type SpanLimits,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';

/*
 * OpenTelemetry's own variables, which operators set alike for all services, by OpenTelemetry's own readers. What is
 * Antiphon's own is read by the configuration. Source:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ (2026-11-21).
 */

/** Whether `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER` switches spans off. */
export const spansAreOff = (): boolean =>
  getBooleanFromEnv('OTEL_SDK_DISABLED') || (getStringListFromEnv('OTEL_TRACES_EXPORTER') ?? []).includes('none');

/** A share from 0 to 1; everything if there is none. */
function ratio(): number {
  const share = getNumberFromEnv('OTEL_TRACES_SAMPLER_ARG');
  return share === undefined || share < 0 || share > 1 ? 1 : share;
}

const samplers: Readonly<Record<string, () => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: () => new TraceIdRatioBasedSampler(ratio()),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: () => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio()) }),
};

/** The sampler that `OTEL_TRACES_SAMPLER` names; undefined if it names none. */
export function samplerFromEnv(): Sampler | undefined {
  const name = getStringFromEnv('OTEL_TRACES_SAMPLER')?.trim() ?? '';
  return Object.hasOwn(samplers, name) ? samplers[name]?.() : undefined;
}

/** The `OTEL_BSP_` numbers that are set. */
export const batchingFromEnv = (): Omit<BatchSpanProcessorOptions, 'exporter'> => ({
  ...numberFromEnv('maxQueueSize', 'OTEL_BSP_MAX_QUEUE_SIZE'),
  ...numberFromEnv('maxExportBatchSize', 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
  ...numberFromEnv('scheduledDelayMillis', 'OTEL_BSP_SCHEDULE_DELAY'),
  ...numberFromEnv('exportTimeoutMillis', 'OTEL_BSP_EXPORT_TIMEOUT'),
});

export const spanLimitsFromEnv = (): SpanLimits => ({
  ...numberFromEnv('attributeCountLimit', 'OTEL_ATTRIBUTE_COUNT_LIMIT'),
  ...numberFromEnv('attributeCountLimit', 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT'),
  ...numberFromEnv('attributeValueLengthLimit', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'),
  ...numberFromEnv('attributeValueLengthLimit', 'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT'),
});

function numberFromEnv(option: string, variable: string): Record<string, number> {
  const value = getNumberFromEnv(variable);
  return value !== undefined && value > 0 ? { [option]: value } : {};
}
