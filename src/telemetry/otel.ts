import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Clock } from '../core/clock.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import type { Tracing } from '../core/tracing.ts';
import type { CacheGauges } from './cache-metrics.ts';
import type { SpanExport } from './export.ts';
import type { KeysAside } from './key-metrics.ts';
import type { Logger } from './log.ts';
import { type CallMetrics, callMetrics, type Metrics } from './metrics.ts';
import type { Strain } from './process-metrics.ts';
import type { ProviderGauges } from './resilience-metrics.ts';
import { serveMetrics } from './scrape.ts';
import type { StoreGauges } from './store-metrics.ts';
import { carryingTracing, recordingTracing, TraceIds } from './tracing.ts';

export interface TelemetryOptions {
  readonly serviceName: string;
  readonly version: string;
  /** Base address of an OTLP/HTTP collector. Undefined: no spans are recorded. */
  readonly otlpEndpoint: string | undefined;
  readonly metricsHost: string;
  /** 0: any free port. */
  readonly metricsPort: number;
  /** The models that have metric labels of their own: those of the configuration and of the catalogue. */
  readonly knownTargets: readonly Target[];
  /** The providers that have labels of their own, besides those of `knownTargets`. */
  readonly knownProviders?: readonly string[];
  /** One for each provider that has keys and each reason to refuse one. Default: there are none. */
  readonly keysAside?: () => readonly KeysAside[];
  /** One for each provider. Default: there are none. */
  readonly providers?: () => readonly ProviderGauges[];
  readonly strain?: () => Strain;
  /** Default: no store is shared. */
  readonly store?: () => StoreGauges;
  /** Default: nothing is held. */
  readonly cache?: () => CacheGauges;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Spans hold what is asked and answered, so that there must be room for it. Default: they do not. */
  readonly captureContent?: boolean;
  /** How long `shutdown` may wait for the collector. */
  readonly flushMs?: number;
}

export interface Telemetry {
  readonly tracing: Tracing;
  readonly metrics: CallMetrics;
  /** Counts what happens on the way of calls. */
  readonly tell: Tell;
  /** Counts that the configuration was read again. */
  readonly configReloaded: Metrics['configReloaded'];
  /** Counts that a caller was turned away. */
  readonly authFailed: Metrics['authFailed'];
  readonly storeFailed: Metrics['storeFailed'];
  readonly storeLost: Metrics['storeLost'];
  /** Gives metric labels of their own to these, too. */
  readonly know: Metrics['know'];
  readonly snapshot: Metrics['snapshot'];
  /** Where metrics are served, as bound: host and port. */
  readonly metricsAddress: string;
  /** Sends what is recorded, as far as the time allows, and stops serving metrics. Never rejects. */
  shutdown(): Promise<void>;
}

const FLUSH_MS = 3_000;

/**
 * Starts metrics and, if there is a collector, spans. Nothing global is set, so that several can live in one process.
 * Rejects if the metrics port cannot be had.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { clock, knownTargets, flushMs = FLUSH_MS } = options;
  const resource = describeService(options);
  const { producer, ...counted } = callMetrics({ ...options, known: knownTargets });
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    metricProducers: [producer],
  });
  const meterProvider = new MeterProvider({ resource, readers: [exporter] });
  const server = await serveMetrics(exporter, options.metricsHost, options.metricsPort);
  const { tracing, spans } = await startTracing(options, resource, meterProvider);
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await atMost(flushMs, clock, spans?.close());
    await server.close();
    await meterProvider.shutdown();
  };
  return {
    ...counted,
    tracing,
    metricsAddress: server.address,
    shutdown: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** What the process is called in traces. The standard variables win over the configuration. */
const describeService = ({ serviceName, version }: TelemetryOptions): Resource =>
  defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
    .merge(
      detectResources({
        detectors: [serviceInstanceIdDetector, resourceAttributesEnvDetector, serviceNameEnvDetector],
      }),
    );

/** The tracing packages cost time and memory at the start, so they are loaded only if spans have somewhere to go. */
async function startTracing(
  { otlpEndpoint, version, captureContent = false, clock, log }: TelemetryOptions,
  resource: Resource,
  meterProvider: MeterProvider,
): Promise<{ tracing: Tracing; spans?: SpanExport }> {
  if (otlpEndpoint === undefined) return { tracing: carryingTracing };
  const { spansAreOff } = await import('./otel-env.ts');
  if (spansAreOff()) return { tracing: carryingTracing };
  const { exportSpans } = await import('./export.ts');
  const ids = new TraceIds();
  const spans = exportSpans({
    endpoint: otlpEndpoint,
    resource,
    version,
    ids,
    meterProvider,
    captureContent,
    clock,
    log,
  });
  return { tracing: recordingTracing(spans.tracer, ids), spans };
}

/** Waits for the work, but no longer than this. */
function atMost(ms: number, clock: Clock, work: Promise<void> | undefined): Promise<void> {
  if (!work) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = clock.after(ms, resolve);
    void work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
