import type { MeterProvider, Tracer } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Clock } from '../core/clock.ts';
import { MAX_CONTENT_CHARACTERS } from './content.ts';
import type { Logger } from './log.ts';
import { batchingFromEnv, samplerFromEnv, spanLimitsFromEnv } from './otel-env.ts';
import { SlicedExporter } from './slices.ts';
import type { TraceIds } from './tracing.ts';

/** Longer attributes are cut: much of what they hold was written by callers. */
const MAX_ATTRIBUTE_CHARACTERS = 1024;

/**
 * Spans with content are large, so that fewer wait and fewer go at once: some 50 MB may wait, and a batch stays below
 * the 20 MiB that collectors take.
 */
const WITH_CONTENT = { maxQueueSize: 1024, maxExportBatchSize: 128 };

/** So many are serialized in about a millisecond. */
const SPANS_AT_ONCE = 64;

export interface SpanExport {
  readonly tracer: Tracer;
  /** Resolves when what was recorded has been sent, or has not. May take as long as the collector. Never rejects. */
  close(): Promise<void>;
}

export interface SpanExportOptions {
  /** The base address of an OTLP/HTTP collector. */
  readonly endpoint: string;
  readonly resource: Resource;
  readonly version: string;
  readonly ids: TraceIds;
  /** Counts what is sent and what is lost. */
  readonly meterProvider: MeterProvider;
  /** There must be room for what is asked and answered. */
  readonly captureContent: boolean;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Sends spans in batches, from a queue with a bound: when the collector is slow or down, spans are dropped and counted,
 * and nobody waits.
 */
export function exportSpans(options: SpanExportOptions): SpanExport {
  const { endpoint, resource, version, ids, meterProvider, captureContent, clock, log } = options;
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const processor = new BatchSpanProcessor({
    exporter: new ToldExporter(new SlicedExporter(exporter, SPANS_AT_ONCE, clock), log),
    selfObsMeterProvider: meterProvider,
    ...(captureContent && WITH_CONTENT),
    ...batchingFromEnv(),
  });
  const sampler = samplerFromEnv();
  const attributeValueLengthLimit = captureContent ? MAX_CONTENT_CHARACTERS : MAX_ATTRIBUTE_CHARACTERS;
  const provider = new TracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [processor],
    spanLimits: { attributeValueLengthLimit, ...spanLimitsFromEnv() },
    ...(sampler && { sampler }),
  });
  return {
    tracer: provider.getTracer('antiphon', version),
    close: () => provider.shutdown().catch(() => undefined),
  };
}

/** Tells the log when the collector stops taking spans, and when it takes them again. */
class ToldExporter implements SpanExporter {
  readonly #inner: SpanExporter;
  readonly #log: SpanExportOptions['log'];
  #failing = false;

  constructor(inner: SpanExporter, log: SpanExportOptions['log']) {
    this.#inner = inner;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#inner.export(spans, (result) => {
      this.#tell(result);
      done(result);
    });
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }

  #tell({ code, error }: ExportResult): void {
    const failing = code !== ExportResultCode.SUCCESS;
    if (failing === this.#failing) return;
    this.#failing = failing;
    if (failing) this.#log.warn({ error }, 'spans are lost: the collector does not take them');
    else this.#log.info({}, 'the collector takes spans again');
  }
}
